/**
 * The embedded RTMP server, node-media-server, in a process of its own: it takes a publisher's bytes apart, and holds without
 * a bound what a slow player has not taken. Only the gateway starts it, and it ends with the gateway.
 */
import NodeMediaServer, { type Session } from 'node-media-server'
import { remoteAddress } from '../../access/request.ts'
import { ignoreSignals } from '../../process/ignored-signals.ts'
import type { FromEmbedded, ToEmbedded } from './messages.ts'

ignoreSignals()

const APPLICATION = 'live'

function tell(message: FromEmbedded): void {
  process.send?.(message)
}

function start({ host, port, directory, secret, isPrivate }: Extract<ToEmbedded, { type: 'start' }>): void {
  const publishers = new Map<string, Session>()
  /** Those of them that may publish: what others send is not handed on. */
  const allowed = new Set<Session>()
  const server = new NodeMediaServer({
    bind: host,
    rtmp: { port },
    store: { path: directory },
    webadmin: { enable: false },
  })
  server.rtmpServer.tcpServer.on('listening', () => tell({ type: 'listening' }))
  server.on('prePublish', (session) => {
    // The gateway itself waits for a publisher that has gone.
    session.broadcast.publishGraceMs = 0
    const { broadcast, socket } = session
    session.rtmp.onPacketCallback = (packet) => {
      if (allowed.has(session) && broadcast.publisher === session) broadcast.broadcastMessage(packet)
    }
    // One connection publishes one stream.
    if (session.streamApp !== APPLICATION || allowed.has(session) || publishers.has(session.id)) return socket.destroy()
    // The stream may have a publisher already, and only then this one learns that it is refused.
    setImmediate(() => {
      if (broadcast.publisher !== session) socket.destroy()
    })
    socket.once('close', () => {
      allowed.delete(session)
      if (publishers.delete(session.id)) tell({ type: 'unpublish', id: session.id })
      broadcast.donePublish(session)
    })
    if (session.streamQuery.gateway === secret) {
      allowed.add(session)
      return
    }
    publishers.set(session.id, session)
    // Nothing of it is read until the gateway has looked at its token.
    socket.pause()
    const { id, streamName: name, streamQuery } = session
    tell({ type: 'publish', id, name, token: textOf(streamQuery.token), address: remoteAddress(socket.remoteAddress) })
  })
  server.on('prePlay', (session) => {
    // It would hand on what a player sends, as if the player were the publisher.
    session.rtmp.onPacketCallback = () => {}
    // It would send the first pictures before a token could be looked at, so there is no watching over RTMP where that needs one.
    if (session.streamQuery.gateway === secret) tell({ type: 'play', name: session.streamName })
    else if (isPrivate) session.socket.destroy()
  })
  process.on('message', (message: ToEmbedded) => {
    if (message.type === 'start') return
    const session = publishers.get(message.id)
    if (!session) return
    if (message.type === 'deny') return session.socket.destroy()
    allowed.add(session)
    session.socket.resume()
  })
  void server.run()
}

/** A query may name the same thing twice, which makes a list of it. */
function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

// It says on the console who connects, with addresses.
console.log = (line: unknown) => tell({ type: 'log', line: String(line) })
process.once('message', (message: ToEmbedded) => {
  if (message.type === 'start') start(message)
})
// It throws at messages of RTMP that it does not expect: whoever sent one gets no further, and the others go on.
process.on('uncaughtException', (error) => tell({ type: 'log', line: String(error) }))
process.on('disconnect', () => process.exit(0))
process.on('SIGINT', () => {})
