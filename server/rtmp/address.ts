/** Where something is published. All but `host` is secret. */
export interface RtmpAddress {
  secure: boolean
  /** A name or an address, without brackets. */
  host: string
  port: number
  /** RTMP's application, with what belongs to it: `app`, `live/event`. */
  app: string
  key: string
}

/** What a server is told about its own address (`tcUrl`, RTMP 1.0, section 7.2.1.1). */
export function tcUrlOf({ secure, host, port, app }: RtmpAddress): string {
  const inUrl = host.includes(':') ? `[${host}]` : host
  return `${secure ? 'rtmps' : 'rtmp'}://${inUrl}${port === 1935 ? '' : `:${port}`}/${app}`
}
