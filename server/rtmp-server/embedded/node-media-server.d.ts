/** The part of node-media-server 4 that Castgate uses; it brings no types of its own. */
declare module 'node-media-server' {
  import type { EventEmitter } from 'node:events'
  import type { Socket } from 'node:net'

  export interface Session {
    id: string
    streamApp: string
    streamName: string
    streamQuery: Record<string, string | undefined>
    /** The stream at the server. `publishGraceMs`: how long it waits for a publisher that has gone. */
    broadcast: {
      publishGraceMs: number
      publisher: Session | null
      /** Frees the place of a publisher that has gone; nothing for another. */
      donePublish(session: Session): void
      broadcastMessage(packet: unknown): void
    }
    /** What is done with media that it sends. */
    rtmp: { onPacketCallback: (packet: unknown) => void }
    socket: Socket
  }

  export default class NodeMediaServer {
    constructor(configuration: {
      bind: string
      rtmp: { port: number }
      store: { path: string }
      webadmin: { enable: boolean }
    })
    readonly rtmpServer: { tcpServer: EventEmitter }
    on(event: 'prePublish' | 'prePlay', listener: (session: Session) => void): void
    run(): Promise<void>
  }
}
