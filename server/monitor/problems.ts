import type { StreamStatus } from '../../shared/status.ts'
import type { Entry } from '../archive/entry.ts'

/** Something that is wrong, in words. `fault`: something does not work; `warning`: it may not for long. */
export interface Problem {
  severity: 'fault' | 'warning'
  message: string
  stream: string | null
}

/** What can be wrong with a gateway. */
export interface Signs {
  /** Why the RTMP server does not work, or null. */
  rtmpProblem: string | null
  streams: (Pick<StreamStatus, 'name' | 'state' | 'targets'> & { behindMs: number })[]
  /** The latest first. */
  recordings: Pick<Entry, 'stream' | 'state' | 'reason' | 'problem'>[]
  disk: { freeBytes: number; floorBytes: number }
  /** Of all processes of the gateway, in processors, and how many there are. */
  cpu: { used: number; cores: number }
}

/** A broadcast that is later than this is too late. */
const TOO_LATE_MS = 5_000
/** Share of all processors that leaves too little for what comes. */
const BUSY = 0.9
/** Room on the disk for about a quarter of an hour of one broadcast, above the floor. */
const LITTLE_ROOM_BYTES = 500e6

/** What is wrong, the worst first. */
export function findProblems({ rtmpProblem, streams, recordings, disk, cpu }: Signs): Problem[] {
  const faults: Problem[] = []
  const warnings: Problem[] = []
  const fault = (message: string, stream: string | null = null) => faults.push({ severity: 'fault', message, stream })
  const warning = (message: string, stream: string | null = null) =>
    warnings.push({ severity: 'warning', message, stream })

  if (rtmpProblem !== null) fault(`The RTMP server does not work: ${rtmpProblem}. It is started again.`)
  if (disk.freeBytes < disk.floorBytes) fault('The disk is almost full: nothing is recorded. Delete recordings.')
  else if (disk.freeBytes < disk.floorBytes + LITTLE_ROOM_BYTES) warning('There is little room left for recordings.')
  for (const { name, targets } of streams) {
    for (const { name: target, state, lastError } of targets) {
      if (state !== 'failed' && state !== 'retrying') continue
      const next = state === 'failed' ? 'It is not tried again by itself.' : 'It is tried again.'
      fault(`"${name}" does not reach ${target}: ${sentence(lastError ?? 'it failed')} ${next}`, name)
    }
  }
  for (const { name } of streams) {
    const latest = recordings.find(({ stream }) => stream === name)
    if (latest?.reason?.startsWith('disk'))
      fault(`"${name}" is not recorded any more: the disk failed or is full.`, name)
  }
  for (const { name, state, behindMs } of streams) {
    if (state === 'waiting') warning(`"${name}" waits for its broadcaster.`, name)
    else if (behindMs > TOO_LATE_MS) {
      const seconds = Math.round(behindMs / 1000)
      warning(`"${name}" is ${seconds} s behind: its uplink, or this machine, is too slow.`, name)
    }
  }
  for (const { stream, state, problem } of recordings) {
    if (state !== 'unfinished') continue
    warning(
      `A recording of "${stream}" is not an MP4 yet: ${sentence(problem ?? 'it failed')} It is tried again.`,
      stream,
    )
  }
  if (cpu.used / cpu.cores > BUSY) warning('The processors are almost used up: new broadcasts may be late.')
  return [...faults, ...warnings]
}

/** The last line of what someone said, as a sentence. */
function sentence(text: string): string {
  const line = text.split('\n').at(-1) ?? ''
  return /[.!?]$/.test(line) ? line : `${line}.`
}
