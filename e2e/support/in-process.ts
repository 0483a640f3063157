import { connect } from 'node:net'
import { freePort, temporaryDirectory } from './resources.ts'

/** The library as it is built and published. */
export async function library(): Promise<typeof import('../../server/index.ts')> {
  return import(new URL('../../dist/server/index.js', import.meta.url).href)
}

/** Options of a gateway inside the test's own process, with a directory that `remove` takes away. */
export async function ownOptions() {
  const { path, remove } = await temporaryDirectory()
  return { options: { rtmp: 'embedded', rtmpPort: await freePort(), dataDir: path }, remove }
}

/** What a server answers to a request to upgrade, up to its end: the socket stays open after 101. */
export function upgradeAnswer(port: number, path: string, headers: Record<string, string> = {}): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const lines = {
    Host: `127.0.0.1:${port}`,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
    ...headers,
  }
  const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET ${path} HTTP/1.1\r\n${text.join('')}\r\n`)
  return new Promise((resolve, reject) => {
    let answer = ''
    socket.setEncoding('utf8').on('data', (data: string) => {
      answer += data
      if (!answer.startsWith('HTTP/1.1 101')) return
      socket.destroy()
      resolve(answer)
    })
    socket.on('end', () => resolve(answer))
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}
