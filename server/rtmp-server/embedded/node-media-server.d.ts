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
    broadcast: { publishGraceMs: number }
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
    on(event: 'prePublish' | 'donePublish' | 'prePlay', listener: (session: Session) => void): void
    run(): Promise<void>
  }
}
