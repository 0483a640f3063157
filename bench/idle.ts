import { setTimeout as delay } from 'node:timers/promises'
import { startGateway } from '../e2e/support/gateway.ts'
import { cpuOf, usedBetween } from './support/cpu.ts'

const SETTLE_MS = 10_000
const MEASURED_MS = 60_000

/** What a gateway costs on which nothing is live and which nobody asks anything: CPU seconds a second, by program. */
export async function run(): Promise<void> {
  for (const rtmp of ['nginx', 'embedded']) {
    const gateway = await startGateway(['--rtmp', rtmp])
    try {
      await delay(SETTLE_MS)
      const pid = gateway.program.process.pid ?? 0
      const began = performance.now()
      const before = await cpuOf(pid)
      await delay(MEASURED_MS)
      const used = usedBetween(before, await cpuOf(pid))
      const seconds = (performance.now() - began) / 1000
      const all = [...used.values()].reduce((sum, cpu) => sum + cpu, 0) / seconds
      process.stdout.write(`--rtmp ${rtmp}: ${all.toFixed(4)} CPU seconds a second in all\n`)
      for (const [name, cpu] of used) process.stdout.write(`  ${name.padEnd(12)} ${(cpu / seconds).toFixed(4)}\n`)
    } finally {
      await gateway.stop()
    }
  }
}
