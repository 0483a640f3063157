import type { IncomingMessage } from 'node:http'
import type { PlaybackLinks } from '../../shared/status.ts'

/** The links of the stream `name`, below `base`. */
export function playbackLinks(base: string, name: string): PlaybackLinks {
  return {
    watch: `${base}/watch/${name}`,
    hls: `${base}/hls/${name}.m3u8`,
    llHls: `${base}/hls/${name}/ll.m3u8`,
    flv: `${base}/live/${name}.flv`,
  }
}

/**
 * How the sender of `request` reaches this server: the configured public URL, else the host that the request names. A proxy on
 * this machine may say what the browser used (`X-Forwarded-Proto`, `X-Forwarded-Host`).
 */
export function baseOf(request: IncomingMessage, publicUrl: string | null, fallback: string): string {
  if (publicUrl !== null) return publicUrl.replace(/\/+$/, '')
  const fromProxy = isLoopback(request.socket.remoteAddress)
  const proto = (fromProxy && first(request.headers['x-forwarded-proto'])) || 'http'
  const host = (fromProxy && first(request.headers['x-forwarded-host'])) || request.headers.host
  // The host comes from outside and goes into links: one that is no host is not repeated.
  if (!host || !/^[\w.-]+(:\d+)?$|^\[[\da-f:]+\](:\d+)?$/i.test(host)) return fallback
  return `${proto === 'https' ? 'https' : 'http'}://${host}`
}

/** Tells someone who sends requests from others, by address and browser. A proxy on this machine may say the address. */
export function visitorOf(request: IncomingMessage): string {
  const { remoteAddress } = request.socket
  const forwarded = isLoopback(remoteAddress) ? first(request.headers['x-forwarded-for']) : undefined
  return `${(forwarded ?? remoteAddress ?? '').slice(0, 64)} ${(request.headers['user-agent'] ?? '').slice(0, 200)}`
}

function first(header: string | string[] | undefined): string | undefined {
  return (Array.isArray(header) ? header[0] : header)?.split(',')[0]?.trim()
}

function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address ?? '')
}
