/** Which RTMP server a gateway uses. */
export type RtmpServerKind = 'nginx' | 'embedded' | 'external'

/** What the RTMP server tells about encoders that publish to it, other than the gateway itself. */
export interface PublishHandlers {
  /**
   * Someone wants to publish as `name`, with the token of their stream key's query: whether they may. `address`: null for a program on this machine.
   */
  onPublish(name: string, token: string | null, address: string | null): Promise<boolean>
  /** They have gone. */
  onUnpublish(name: string): void
}

/** The RTMP server that broadcasts are pushed to. It has one application, `live`. */
export interface RtmpServer {
  readonly kind: RtmpServerKind
  /** Its application, for people: `rtmp://host:port/live`. */
  readonly url: string
  /** Whether it makes HLS of what it gets, in the directory `hls` of the data directory. */
  readonly makesHls: boolean
  /** Why it does not work right now, or null. */
  problem(): string | null
  /** How often it was started again after it ended by itself. */
  restarts(): number
  /** Its process; null for one that runs elsewhere, or that does not run. */
  pid(): number | null
  /** Where the gateway publishes `name`. It holds a secret that tells the gateway from other encoders. */
  publishUrl(name: string): string
  /** Where the gateway plays what another encoder publishes as `name`. It may hold the same secret. */
  playUrl(name: string): string
  /** Ends the connection of the encoder that publishes `name`, if there is one. */
  dropPublisher(name: string): Promise<void>
  /** Ends the server; resolves when its processes are gone. */
  close(): Promise<void>
}
