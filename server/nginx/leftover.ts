import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { signalGroup } from '../process/child.ts'

/** How long what is left may take to end, in ms, before it is killed. */
const PATIENCE_MS = 3_000
const POLL_MS = 20

/**
 * A gateway that was killed leaves its nginx behind: the next one ends it, if it is the one that this directory names. Workers outlive a master
 * that was killed, and are in its process group, whose number no other process gets for as long.
 */
export async function endLeftover(directory: string, configurationFile: string): Promise<void> {
  const group = Number(await readFile(join(directory, 'nginx.pid'), 'utf8').catch(() => ''))
  if (!Number.isInteger(group) || group <= 1) return
  // Empty for one that is dead and not waited for yet.
  const master = await readFile(`/proc/${group}/cmdline`, 'utf8').catch(() => '')
  if (master !== '' && !master.includes(configurationFile)) return
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const deadline = performance.now() + PATIENCE_MS
    if (await hasNginx(group)) signalGroup(group, signal)
    while (performance.now() < deadline && (await hasNginx(group))) await delay(POLL_MS)
  }
}

/** Whether a process of this group is nginx. */
async function hasNginx(group: number): Promise<boolean> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')))
  // proc(5): the name is in parentheses; the state, the parent and the group follow. One that is dead (Z) holds nothing.
  return stats.some((stat) => {
    const [state, , own] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return /\((nginx|openresty)/.test(stat) && Number(own) === group && state !== 'Z'
  })
}
