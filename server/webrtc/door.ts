import { networkInterfaces } from 'node:os'
import type { IcePort } from './ice-port.ts'
import type { Endpoint } from './stun.ts'

/** Where clients come over WebRTC. */
export interface WebRtcDoor {
  port: IcePort
  /** What they are told: at each of these they may come. */
  candidates(): Endpoint[]
}

/** Where WebRTC is when nothing is said. */
export const WEBRTC_PORT = 8189

/** Most addresses that are told. */
const MAX_CANDIDATES = 16

/** `addresses`: what clients are told, where that differs from where the port listens; empty for that. */
export function webRtcDoor(port: IcePort, addresses: readonly string[]): WebRtcDoor {
  return {
    port,
    candidates() {
      const { address: host, port: number } = port.endpoint
      const found = addresses.length > 0 ? [...addresses] : ownAddresses(host)
      return found.slice(0, MAX_CANDIDATES).map((address) => ({ address, port: number }))
    },
  }
}

/** The addresses of this machine at which something that listens on `host` is reached. */
function ownAddresses(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host]
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  // Those of one link alone need to be told which link.
  const usable = all.filter(({ family, scopeid }) => (host === '::' || family === 'IPv4') && !scopeid)
  // From elsewhere first: who is on this machine finds the rest.
  return usable.sort((a, b) => Number(a.internal) - Number(b.internal)).map(({ address }) => address)
}
