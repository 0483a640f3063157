import { WebSocket } from 'ws'
import type { TestGateway } from './gateway.ts'
import { ingestUrl, TestSocket } from './publisher.ts'

/** What a socket that says hello with `token` gets: null where it is let in, else the close code and the name of the error. */
export async function hello(
  gateway: TestGateway,
  stream: string,
  token: string | null,
  headers: Record<string, string> = {},
): Promise<[number, string | null] | null> {
  const socket = await new TestSocket(ingestUrl(gateway, stream), undefined, { headers }).opened()
  socket.send({ type: 'hello', session: null, ...(token !== null && { token }) })
  const welcomed = socket.message('welcome').then(
    () => null,
    async () => {
      const { code, error } = await socket.closed
      return [code, error] as [number, string | null]
    },
  )
  const result = await welcomed
  if (result === null) {
    socket.send({ type: 'end' })
    await socket.closed
  }
  return result
}

/** Whether a WebSocket opens: the status of the refusal, or `open`. */
export async function opens(url: string, origin?: string): Promise<number | 'open'> {
  const socket = new WebSocket(url, { ...(origin !== undefined && { origin }) })
  return new Promise((resolve) => {
    socket.once('open', () => {
      resolve('open')
      socket.terminate()
    })
    socket.once('unexpected-response', (_, response) => {
      resolve(response.statusCode ?? 0)
      response.destroy()
    })
    socket.on('error', () => {})
  })
}
