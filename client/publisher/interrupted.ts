import { isFields } from '../../shared/narrow.ts'
import type { Resumption } from '../broadcaster.ts'
import { type DeviceChoice, deviceChoiceOf, type SourceKind } from './source.ts'

/** Where a tab keeps its broadcast: it outlives a reload. A copy of the tab has a copy of it. */
const KEY = 'castgate.broadcast'
/** A page that was away for longer than this may be in other hands. */
const MAX_AWAY_MS = 15_000

/** A broadcast that a reload of its page interrupted, and what was on. */
export interface Interrupted {
  stream: string
  resumption: Resumption
  kind: SourceKind
  choice: DeviceChoice
  qualityId: string
  muted: { microphone: boolean; screen: boolean; file: boolean }
  /** When the page was last there, as `Date.now()`. */
  seenAt: number
}

/** Keeps what is needed to go on; null when there is nothing to go on with any more. */
export function keepInterrupted(broadcast: Interrupted | null): void {
  if (broadcast) sessionStorage.setItem(KEY, JSON.stringify(broadcast))
  else sessionStorage.removeItem(KEY)
}

/** The broadcast that this tab was in before it was reloaded, or null. */
export function readInterrupted(): Interrupted | null {
  try {
    return interruptedOf(JSON.parse(sessionStorage.getItem(KEY) ?? 'null'))
  } catch {
    return null
  }
}

/** What was kept, or null where it is something else. */
export function interruptedOf(kept: unknown): Interrupted | null {
  if (!isFields(kept)) return null
  const { stream, resumption, kind, choice, qualityId, muted, seenAt } = kept
  const devices = deviceChoiceOf(choice)
  if (!isFields(resumption) || devices === null || !isFields(muted)) return null
  const { session, began } = resumption
  if (typeof stream !== 'string' || typeof session !== 'string' || typeof began !== 'number') return null
  if (kind !== 'camera' && kind !== 'screen' && kind !== 'file') return null
  if (typeof qualityId !== 'string' || typeof seenAt !== 'number') return null
  return {
    stream,
    resumption: { session, began },
    kind,
    choice: devices,
    qualityId,
    // What is not known to have been heard is not heard.
    muted: { microphone: muted.microphone !== false, screen: muted.screen !== false, file: muted.file !== false },
    seenAt,
  }
}

/**
 * Whether the broadcast may go on without a press: the page was reloaded a moment ago, and nothing has to be allowed or chosen. A copy of a tab, a tab
 * that comes back with Back, and one that was away for long wait for a press.
 */
export async function mayGoOn({ kind, choice, seenAt }: Interrupted, now = Date.now()): Promise<boolean> {
  const [navigation] = performance.getEntriesByType('navigation')
  if (!navigation || !('type' in navigation) || navigation.type !== 'reload' || now - seenAt > MAX_AWAY_MS) return false
  // Viewers see a card: nothing is captured until something is chosen.
  if (kind !== 'camera') return true
  const allowed = await Promise.all([
    choice.camera === 'none' || isAllowed('camera'),
    choice.microphone === 'none' || isAllowed('microphone'),
  ])
  return !allowed.includes(false)
}

/** Whether it opens without a question. Browsers that do not tell are taken to ask. */
async function isAllowed(name: 'camera' | 'microphone'): Promise<boolean> {
  try {
    const { state } = await navigator.permissions.query({ name })
    return state === 'granted'
  } catch {
    return false
  }
}
