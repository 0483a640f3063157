import type { SecureContextOptions } from 'node:tls'
import type { Logger } from 'pino'
import type { Connections } from './access/connections.ts'
import { remoteAddress } from './access/request.ts'
import { addressInUrl } from './net/port.ts'
import type { Turns } from './process/turns.ts'
import { listenRtmp, type RtmpListener } from './rtmp/listen.ts'
import type { RtmpHandlers, RtmpRefusal } from './rtmp/peer.ts'

/** The application that encoders publish to. */
const APPLICATION = 'live'

/** What is taken by enhanced RTMP, where there is room to transcode it. */
const CODECS = ['avc1', 'hvc1', 'av01', 'vp09', 'mp4a', 'Opus', '.mp3']

/** Of a name that is refused, what is worth a line. */
const MAX_NAME_LENGTH = 64

/** How often clients that speak no RTMP are worth a line in the log, in ms. */
const SAY_AGAIN_MS = 60_000

/** What the door needs. */
export interface RtmpDoorOptions {
  host: string
  /** Null for none. */
  rtmpPort: number | null
  rtmpsPort: number | null
  /** The certificate for RTMPS. */
  tls: SecureContextOptions | null
  connections: Connections
  turns: Turns
  log: Logger
  handlers: RtmpHandlers
  /** An encoder was refused. */
  onRefused(refusal: RtmpRefusal): void
}

/** Where encoders and players come in over RTMP. */
export interface RtmpDoor {
  /** For people: `rtmp://host:port/live`; null where it is closed. */
  url: string | null
  useCertificate(tls: SecureContextOptions): void
  close(): Promise<void>
}

/**
 * Opens the door.
 * @throws MissingError where a port is taken
 */
export async function openRtmpDoor(options: RtmpDoorOptions): Promise<RtmpDoor> {
  const { host, rtmpPort, rtmpsPort, tls, connections, turns, log, handlers } = options
  let saidAt = Number.NEGATIVE_INFINITY
  let dropped = 0
  const context = { application: APPLICATION, codecs: CODECS, turns, handlers, onRefused, onDropped, onFault }
  const listeners: RtmpListener[] = []
  const open = async (port: number, option: string, certificate: SecureContextOptions | null) => {
    const shared = { host, port, option, tls: certificate }
    listeners.push(
      await listenRtmp(
        {
          ...shared,
          addressOf: (socket) => remoteAddress(socket.remoteAddress),
          watch: (server) => connections.watch(server, (socket) => socket.destroy()),
        },
        context,
      ),
    )
  }
  try {
    if (rtmpPort !== null) await open(rtmpPort, '--rtmp-port', null)
    if (rtmpsPort !== null && tls) await open(rtmpsPort, '--rtmps-port', tls)
  } catch (error) {
    await close()
    throw error
  }
  return {
    url: rtmpPort === null ? null : `rtmp://${addressInUrl(host)}:${rtmpPort}/${APPLICATION}`,
    useCertificate(next) {
      for (const listener of listeners) listener.useCertificate(next)
    },
    close,
  }

  async function close(): Promise<void> {
    await Promise.all(listeners.map((listener) => listener.close()))
  }

  function onRefused(refusal: RtmpRefusal): void {
    const { wants, address, error } = refusal
    // One who asks again and again would fill the log.
    if (error.code === 'too_many') return onDropped(address, error.message)
    const name = refusal.name.slice(0, MAX_NAME_LENGTH)
    const who = wants === 'publish' ? 'an encoder' : 'a player'
    log.warn({ stream: name, address, code: error.code, reason: error.message }, `${who} was refused`)
    if (wants === 'publish') options.onRefused({ ...refusal, name })
  }

  /** Anybody can say nothing, or nonsense, as often as they like: it is told now and then. */
  function onDropped(address: string | null, reason: string): void {
    dropped++
    const now = performance.now()
    if (now - saidAt < SAY_AGAIN_MS) return
    saidAt = now
    log.warn({ address, reason, dropped }, 'an RTMP connection was ended')
    dropped = 0
  }

  function onFault(error: unknown): void {
    log.error({ err: error }, 'an RTMP connection failed')
  }
}
