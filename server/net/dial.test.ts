import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dial, dialProblem, type Endpoint } from './dial.ts'

let server: Server
let endpoint: Endpoint
beforeAll(async () => {
  server = createServer((socket) => socket.end('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  // No name server knows it (RFC 6761, 6.4).
  endpoint = { secure: false, host: 'nowhere.invalid', port }
})
afterAll(() => void server.close())

/** What comes from the first of `addresses` that answers, and what went wrong. */
async function from(...addresses: string[]) {
  const socket = dial(
    endpoint,
    addresses.map((address) => ({ address, family: 4 })),
  ).setEncoding('latin1')
  let text = ''
  let problem: string | null = null
  socket.on('data', (data) => {
    text += data
  })
  socket.on('error', (error) => {
    problem = dialProblem(error, endpoint)
  })
  // `once` would throw at the error that is looked for.
  await new Promise((resolve) => socket.once('close', resolve))
  return { text, problem }
}

it('goes to the address that was looked at, whatever the name would be now', async () => {
  expect(await from('127.0.0.1')).toEqual({ text: 'hello', problem: null })
})

it('goes to the next address of a host where one refuses', async () => {
  expect(await from('127.0.0.2', '127.0.0.1')).toEqual({ text: 'hello', problem: null })
})

it('says who refused where all do', async () => {
  expect(await from('127.0.0.2', '127.0.0.3')).toEqual({
    text: '',
    problem: `nowhere.invalid refused the connection (port ${endpoint.port})`,
  })
})
