import { once } from 'node:events'
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Certificate } from './certificate.ts'

/** A server of a test's own. */
export interface TestServer {
  port: number
  /** How many connections came. */
  connections(): number
  close(): Promise<void>
}

/** TLS in front of a port of this machine. */
export function startTlsFront(target: number, certificate: Certificate): Promise<TestServer> {
  return listening((onConnection) => createTlsServer(certificate, (near) => forward(near, target, onConnection)))
}

/** `port` in front of another port of this machine. */
export function startFront(target: number, port: number): Promise<TestServer> {
  return listening((onConnection) => createTcpServer((near) => forward(near, target, onConnection)), port)
}

/** Takes connections, and never says anything. */
export function startHangingServer(): Promise<TestServer> {
  return listening((onConnection) => createTcpServer((socket) => onConnection(socket.resume())))
}

/** Bytes of a handshake's packets (RTMP 1.0, 5.2.3 and 5.2.4). */
const HANDSHAKE = 1536

/** Speaks RTMP as far as `connect`, and then sends whoever asks to another address, as Adobe's servers do. */
export function startRedirectingServer(to: string): Promise<TestServer> {
  return listening((onConnection) =>
    createTcpServer((socket) => {
      onConnection(socket)
      let read = 0
      let step: 'version' | 'connect' | 'done' = 'version'
      socket.on('data', ({ length }) => {
        read += length
        if (step === 'version' && read >= 1 + HANDSHAKE) {
          step = 'connect'
          socket.write(Buffer.concat([Buffer.of(3), Buffer.alloc(2 * HANDSHAKE)]))
        } else if (step === 'connect' && read > 1 + 2 * HANDSHAKE) {
          step = 'done'
          socket.end(rejection(to))
        }
      })
    }),
  )
}

/** The command message `_error` with a redirection, in one chunk (5.3.1, AMF 0). */
function rejection(to: string): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(0, value.length), Buffer.from(value)])
  const string = (value: string) => Buffer.concat([Buffer.of(2), text(value)])
  const number = (value: number) => {
    const bytes = Buffer.alloc(9)
    bytes.writeDoubleBE(value, 1)
    return bytes
  }
  const object = (fields: Record<string, Buffer>) => {
    const pairs = Object.entries(fields).flatMap(([name, value]) => [text(name), value])
    return Buffer.concat([Buffer.of(3), ...pairs, Buffer.of(0, 0, 9)])
  }
  const payload = Buffer.concat([
    string('_error'),
    number(1),
    Buffer.of(5),
    object({
      level: string('error'),
      code: string('NetConnection.Connect.Rejected'),
      description: string('moved'),
      ex: object({ code: number(302), redirect: string(to) }),
    }),
  ])
  if (payload.length > 0xffff) throw new Error('The message is too long for this encoder.')
  const pieces: Buffer[] = []
  // Chunks of 128 bytes, which is where a connection begins (5.4.1).
  for (let at = 0; at < payload.length; at += 128) {
    pieces.push(
      at === 0 ? Buffer.of(3, 0, 0, 0, 0, payload.length >> 8, payload.length & 255, 20, 0, 0, 0, 0) : Buffer.of(0xc3),
    )
    pieces.push(payload.subarray(at, at + 128))
  }
  return Buffer.concat(pieces)
}

/** Joins a connection to a port of this machine. */
function forward(near: Socket, target: number, onConnection: (...sockets: Socket[]) => void): void {
  const far = connect(target, '127.0.0.1')
  onConnection(near, far)
  near.pipe(far).pipe(near)
}

async function listening(
  create: (onConnection: (...sockets: Socket[]) => void) => Server,
  port = 0,
): Promise<TestServer> {
  const sockets: Socket[] = []
  let connections = 0
  const server = create((...opened) => {
    connections++
    for (const socket of opened) sockets.push(socket.on('error', () => {}))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
