import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type SecureContextOptions } from 'node:tls'
import { portError } from '../net/port.ts'
import { type PeerContext, RtmpPeer } from './peer.ts'

/** How long a client may take to shake hands over TLS. */
const TLS_HANDSHAKE_MS = 10_000

/** Where our RTMP server is reached. */
export interface RtmpListenOptions {
  host: string
  port: number
  /** The option that says the port, for people. */
  option: string
  /** Its certificate, for RTMPS; null for plain RTMP. */
  tls: SecureContextOptions | null
  /** The address of a connection, as limits count it: null for this machine. */
  addressOf(socket: Socket): string | null
  /** Counts the connections of the server, and refuses those that are too many. */
  watch(server: Server): void
}

/** Our RTMP server at one port. */
export interface RtmpListener {
  /** Takes another certificate for connections that come. */
  useCertificate(tls: SecureContextOptions): void
  /** Takes no more connections, and ends those that there are. */
  close(): Promise<void>
}

/**
 * Listens for encoders and players.
 * @throws MissingError where the port is taken
 */
export async function listenRtmp(options: RtmpListenOptions, context: PeerContext): Promise<RtmpListener> {
  const { host, port, option, tls } = options
  const sockets = new Set<Socket>()
  const take = (socket: Socket) => {
    // One that was refused as it came.
    if (socket.destroyed || !socket.writable) return
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    new RtmpPeer(socket, options.addressOf(socket), context)
  }
  const server = tls ? createTlsServer({ ...tls, handshakeTimeout: TLS_HANDSHAKE_MS }, take) : createServer(take)
  // It has ended by itself before it was anything.
  server.on('tlsClientError', (_, socket: Socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(portError(error, host, port, option)))
    server.listen(port, host, resolve)
  })
  options.watch(server)
  return {
    useCertificate(next) {
      if ('setSecureContext' in server) server.setSecureContext(next)
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
