/** Signals that must not end a process of the gateway, or open it: by default Node ends at two of them, and opens its inspector at SIGUSR1. */
const IGNORED = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const

/** Ignores them, until something else listens. To be called first: until then the defaults hold. */
export function ignoreSignals(): void {
  for (const signal of IGNORED) process.on(signal, () => {})
}
