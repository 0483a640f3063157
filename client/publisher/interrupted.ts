import { isFields } from '../../shared/narrow.ts'
import type { Resumption } from '../broadcaster.ts'

/** Where a tab keeps its broadcast: it outlives a reload, and no other tab sees it. */
const KEY = 'castgate.broadcast'

/** A broadcast that a reload of its page interrupted. */
export interface Interrupted {
  stream: string
  resumption: Resumption
}

/** Keeps what is needed to go on; null when there is nothing to go on with any more. */
export function keepInterrupted(broadcast: Interrupted | null): void {
  if (broadcast) sessionStorage.setItem(KEY, JSON.stringify(broadcast))
  else sessionStorage.removeItem(KEY)
}

/** The broadcast that this tab was in before it was reloaded, or null. */
export function readInterrupted(): Interrupted | null {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
    if (!isFields(kept) || !isFields(kept.resumption) || typeof kept.stream !== 'string') return null
    const { session, began } = kept.resumption
    if (typeof session !== 'string' || typeof began !== 'number') return null
    return { stream: kept.stream, resumption: { session, began } }
  } catch {
    return null
  }
}

/** Whether the camera opens without a question. Browsers that do not tell are taken to ask. */
export async function cameraIsAllowed(): Promise<boolean> {
  try {
    const { state } = await navigator.permissions.query({ name: 'camera' })
    return state === 'granted'
  } catch {
    return false
  }
}
