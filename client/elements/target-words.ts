import type { TargetStatus } from '../../shared/status.ts'

/** What a person reads of a target. */
export function targetWords({ state, reconnects, lastError }: TargetStatus): string {
  switch (state) {
    case 'live':
      return reconnects > 0 ? `live, after ${reconnects} attempts` : 'live'
    case 'connecting':
      return 'connecting'
    case 'retrying':
      return `trying again: ${lastError ?? 'it failed'}`
    case 'failed':
      return `failed: ${lastError ?? 'it failed'}`
    case 'paused':
      return 'paused'
  }
}
