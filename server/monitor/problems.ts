import type { StreamStatus } from '../../shared/status.ts'
import type { Entry } from '../archive/entry.ts'
import { sentence } from '../process/words.ts'

/** Something that is wrong, in words. `fault`: something does not work; `warning`: it may not for long. */
export interface Problem {
  severity: 'fault' | 'warning'
  message: string
  stream: string | null
}

/** What can be wrong with a gateway. */
export interface Signs {
  /** Why the RTMP server does not work, or null; and FFmpeg. */
  rtmpProblem: string | null
  ffmpegProblem: string | null
  /** Why connections are refused, as a sentence, or null. */
  connectionProblem: string | null
  /** Receivers of webhooks that do not take them. */
  webhooks: { host: string; reason: string }[]
  /** `notRecorded`: why it is not, though it should be, as a sentence, or null. */
  streams: (Pick<StreamStatus, 'name' | 'state' | 'targets' | 'audio' | 'advice'> & {
    behindMs: number
    notRecorded: string | null
  })[]
  /** `isGivenUp`: it is not tried again to make it an MP4. */
  recordings: (Pick<Entry, 'stream' | 'state' | 'problem'> & { isGivenUp: boolean })[]
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
export function findProblems(signs: Signs): Problem[] {
  const { rtmpProblem, ffmpegProblem, connectionProblem, streams, recordings, webhooks, disk, cpu } = signs
  const faults: Problem[] = []
  const warnings: Problem[] = []
  const fault = (message: string, stream: string | null = null) => faults.push({ severity: 'fault', message, stream })
  const warning = (message: string, stream: string | null = null) =>
    warnings.push({ severity: 'warning', message, stream })

  if (rtmpProblem !== null) fault(`The RTMP server does not work: ${rtmpProblem}. It is started again.`)
  if (ffmpegProblem !== null) fault(`${sentence(ffmpegProblem)} No broadcast can begin.`)
  if (connectionProblem !== null) fault(connectionProblem)
  if (disk.freeBytes < disk.floorBytes) fault('The disk is almost full: nothing is recorded. Delete recordings.')
  else if (disk.freeBytes < disk.floorBytes + LITTLE_ROOM_BYTES) warning('There is little room left for recordings.')
  for (const { name, targets } of streams) {
    for (const { name: target, state, lastError, addedBy } of targets) {
      if (state !== 'failed' && state !== 'retrying') continue
      const next = state === 'failed' ? 'It is not tried again by itself.' : 'It is tried again.'
      // A publisher who mistypes a key is told in the studio, and wakes nobody.
      const tell = addedBy === 'publisher' ? warning : fault
      tell(`"${name}" does not reach ${target}: ${sentence(lastError ?? 'it failed')} ${next}`, name)
    }
  }
  for (const { name, notRecorded } of streams) {
    if (notRecorded !== null) fault(`"${name}" is not recorded: ${notRecorded}`, name)
  }
  for (const { name, state, behindMs } of streams) {
    if (state === 'waiting') warning(`"${name}" waits for its broadcaster.`, name)
    else if (behindMs > TOO_LATE_MS) {
      const seconds = Math.round(behindMs / 1000)
      warning(`"${name}" is ${seconds} s behind: its uplink, or this machine, is too slow.`, name)
    }
  }
  for (const { name, state, audio } of streams) {
    const isMissing = audio?.action === 'silence' && audio.codec !== 'none'
    if (state === 'live' && isMissing) warning(`The sound of "${name}" is missing: silence stands in for it.`, name)
  }
  for (const { name, advice } of streams) if (advice !== null) warning(`"${name}": ${advice}`, name)
  for (const { stream, state, problem, isGivenUp } of recordings) {
    const why = sentence(problem ?? 'it failed')
    if (state === 'ready' && problem !== null)
      warning(`A recording of "${stream}" could not be uploaded: ${why} It is tried again.`, stream)
    if (state !== 'unfinished') continue
    const next = isGivenUp ? 'It is tried again when the gateway is started anew.' : 'It is tried again.'
    warning(`A recording of "${stream}" is not an MP4 yet: ${why} ${next}`, stream)
  }
  for (const { host, reason } of webhooks)
    warning(`Events do not reach ${host}: ${sentence(reason)} They are sent again.`)
  if (cpu.used / cpu.cores > BUSY) warning('The processors are almost used up: new broadcasts may be late.')
  return [...faults, ...warnings]
}
