import { readdir } from 'node:fs/promises'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { EventLoopLag } from './event-loop-lag.ts'

/** Registers what is measured of the gateway's own process, with the names that Prometheus' clients have for it. */
export function registerProcessMetrics(registry: Registry, lag: EventLoopLag): void {
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
    new Gauge({
      name: `castgate_${name}`,
      help,
      registers,
      async collect() {
        this.set(await read())
      },
    })
  new Counter({
    name: 'castgate_process_cpu_seconds_total',
    help: 'CPU time of the gateway itself, user and system, in seconds.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  const startedAt = Date.now() / 1000 - process.uptime()
  gauge('process_start_time_seconds', 'When the gateway started, in seconds since 1970.', () => startedAt)
  gauge('process_resident_memory_bytes', 'Memory of the gateway itself.', () => process.memoryUsage.rss())
  gauge('process_open_fds', 'Files and sockets that the gateway has open; 0 where that cannot be told.', async () => {
    const open = await readdir('/proc/self/fd').catch(() => [])
    return open.length
  })
  gauge('nodejs_heap_size_used_bytes', 'Memory of JavaScript that is in use.', () => process.memoryUsage().heapUsed)
  gauge(
    'nodejs_eventloop_lag_p99_seconds',
    'How late 99 of 100 turns of the event loop were at most, since the last scrape, while anything is live.',
    () => lag.p99Seconds(),
  )
}
