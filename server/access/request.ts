import type { IncomingMessage } from 'node:http'

/**
 * How the sender of `request` reaches this server: the configured public URL, else the host that the request names. A proxy on
 * this machine may say what the browser used (`X-Forwarded-Proto`, `X-Forwarded-Host`).
 */
export function baseOf(request: IncomingMessage, publicUrl: string | null, fallback: string): string {
  if (publicUrl !== null) return publicUrl.replace(/\/+$/, '')
  const fromProxy = isLoopback(request.socket.remoteAddress)
  const own = 'encrypted' in request.socket ? 'https' : 'http'
  const proto = (fromProxy && first(request.headers['x-forwarded-proto'])) || own
  const host = (fromProxy && first(request.headers['x-forwarded-host'])) || request.headers.host
  // The host comes from outside and goes into links: one that is no host is not repeated.
  if (!host || !/^[\w.-]+(:\d+)?$|^\[[\da-f:]+\](:\d+)?$/i.test(host)) return fallback
  return `${proto === 'https' ? 'https' : 'http'}://${host}`
}

/** Tells someone who sends requests from others, by address and browser. */
export function visitorOf(request: IncomingMessage): string {
  const address = addressOf(request) ?? request.socket.remoteAddress ?? ''
  return `${address} ${(request.headers['user-agent'] ?? '').slice(0, 200)}`
}

/** Where a request comes from, as a proxy on this machine says it; null for a program on this machine. */
export function addressOf(request: IncomingMessage): string | null {
  const address = remoteAddress(request.socket.remoteAddress)
  if (address !== null) return address
  // The last one is what that proxy saw; those before it are what it was told.
  return last(request.headers['x-forwarded-for'])?.slice(0, 64) ?? null
}

/** Whether a proxy on this machine brought the request. */
export function isForwarded(request: IncomingMessage): boolean {
  return isLoopback(request.socket.remoteAddress) && request.headers['x-forwarded-for'] !== undefined
}

function last(header: string | string[] | undefined): string | undefined {
  return (Array.isArray(header) ? header.at(-1) : header)?.split(',').at(-1)?.trim()
}

function first(header: string | string[] | undefined): string | undefined {
  return (Array.isArray(header) ? header[0] : header)?.split(',')[0]?.trim()
}

/** An address as limits count it: null for this machine. */
export function remoteAddress(address: string | null | undefined): string | null {
  return isLoopback(address ?? undefined) ? null : (address ?? 'unknown')
}

/** Whether `address` is one of this machine's own. */
export function isLoopback(address: string | undefined): boolean {
  return address === '::1' || address === 'localhost' || /^(::ffff:)?127\./.test(address ?? '')
}
