import type { GatewayError } from '../../shared/errors.ts'
import type { TargetStatus } from '../../shared/status.ts'
import { isStreamName } from '../../shared/stream-name.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import { sentence } from '../process/words.ts'
import type { Events } from './events.ts'

/** The source of a broadcast that was live has gone, or is back. */
export function tellPresence(events: Events, broadcast: Broadcast): void {
  const { name, logFields, sourcePresent, wasLive } = broadcast
  if (!wasLive) return
  if (sourcePresent) events.emit('stream.resumed', logFields, `The broadcaster of "${name}" is back.`)
  else events.emit('stream.waiting', logFields, `The broadcaster of "${name}" is gone, and is waited for.`)
}

/** A broadcast that was live is over. */
export function tellEnd(events: Events, { name, logFields, wasLive, bytesIn, ageMs }: Broadcast): void {
  if (!wasLive) return
  const seconds = Math.round(ageMs / 1000)
  events.emit('stream.ended', logFields, `"${name}" has ended.`, { seconds, bytesIn })
}

/** Somebody who was not let in over RTMP, or is not any more. */
export interface Refusal {
  name: string
  /** Where they publish from; null for this machine. */
  address: string | null
  error: GatewayError
}

/** Most refusals that are told in a minute: anybody can be refused as often as they like, and what else happened would be forgotten. */
const MAX_REFUSALS = 30
const MINUTE_MS = 60_000

/** Gives a function that tells of an encoder that was refused, or cut off. */
export function refusalTeller(events: Events): (refusal: Refusal) => void {
  let lately: number[] = []
  return ({ name, address, error }) => {
    const now = performance.now()
    lately = lately.filter((at) => now - at < MINUTE_MS)
    if (lately.length >= MAX_REFUSALS) return
    lately.push(now)
    const at = { stream: isStreamName(name) ? name : '', broadcast: '' }
    const data = { code: error.code, address, reason: error.message }
    events.emit('encoder.refused', at, `An encoder was refused: ${sentence(error.message)}`, data)
  }
}

/** A target of a broadcast is in another state. */
export function tellTarget(events: Events, broadcast: Broadcast, target: TargetStatus): void {
  const { id, name, state, lastError } = target
  const data = { target: id, name, state, lastError }
  const { name: stream, logFields } = broadcast
  if (state === 'live') events.emit('target.live', logFields, `"${stream}" reaches ${name}.`, data)
  if (state !== 'retrying' && state !== 'failed') return
  const why = sentence(lastError ?? 'it failed')
  events.emit('target.failed', logFields, `"${stream}" does not reach ${name}: ${why}`, data)
}
