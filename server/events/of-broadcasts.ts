import type { TargetStatus } from '../../shared/status.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Events } from './events.ts'

/** The source of a broadcast that was live has gone, or is back. */
export function tellPresence(events: Events, broadcast: Broadcast): void {
  const { name, sourcePresent, wasLive } = broadcast
  if (!wasLive) return
  if (sourcePresent) events.emit('stream.resumed', name, `The broadcaster of "${name}" is back.`)
  else events.emit('stream.waiting', name, `The broadcaster of "${name}" is gone, and is waited for.`)
}

/** A broadcast that was live is over. */
export function tellEnd(events: Events, { name, wasLive, bytesIn, startedAt }: Broadcast): void {
  if (!wasLive) return
  const seconds = Math.round((Date.now() - startedAt.getTime()) / 1000)
  events.emit('stream.ended', name, `"${name}" has ended.`, { seconds, bytesIn })
}

/** A target of a broadcast is in another state. */
export function tellTarget(events: Events, broadcast: Broadcast, target: TargetStatus): void {
  const { id, name, state, lastError } = target
  const data = { target: id, name, state, lastError }
  if (state === 'live') events.emit('target.live', broadcast.name, `"${broadcast.name}" reaches ${name}.`, data)
  if (state !== 'retrying' && state !== 'failed') return
  events.emit('target.failed', broadcast.name, `"${broadcast.name}" does not reach ${name}: ${lastError}.`, data)
}
