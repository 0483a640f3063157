import { type FileHandle, open } from 'node:fs/promises'
import type { Broadcast, Output } from '../broadcast/broadcast.ts'
import { encodeFileHeader } from '../flv/tag.ts'
import { atMost } from '../process/at-most.ts'
import { freeBytes } from './disk.ts'
import type { StopReason } from './entry.ts'

/** Most that waits for the disk: three minutes of a 2.5 Mbit/s stream. Above, whole groups of pictures are left out, and counted. */
const QUEUE_BYTES = 64 * 1024 * 1024

/** How often the room on the disk is looked at. */
const LOOK_MS = 2_000

/** How long a broadcast waits at its end for a disk that takes nothing any more. */
const CLOSE_MS = 5_000

/** Why a recording is lost whose file someone removed. */
export const REMOVED = 'its file was removed while it was recorded'

/** Nothing but its end ends the wait for a batch. */
const NEVER = new AbortController().signal

/** What a recorder wrote, and why it ended. */
export interface RecordedFile {
  reason: StopReason
  bytes: number
  droppedFrames: number
  /** What the system said where the disk failed. */
  problem: string | null
  /** Whether its file was removed while it was written: nothing is left of it. */
  isGone: boolean
}

/** A recorder at work: an output of its broadcast. */
export interface Recorder extends Output {
  /** Bytes that are on the disk. */
  bytes(): number
  /** Ends it while the broadcast goes on. `problem`: what is wrong, where nobody asked for it. */
  stop(problem?: string): void
  /** Resolves when everything is written. Never rejects. */
  done: Promise<RecordedFile>
}

/**
 * Writes the bus to `path` as it comes, as FLV: wherever the file ends, what stands before it can be played. The disk is left alone
 * below `floorBytes` of free room. Whatever the disk does, the broadcast goes on. `ready` resolves when there is a directory for it.
 */
export function startRecorder(broadcast: Broadcast, path: string, floorBytes: number, ready: Promise<void>): Recorder {
  const subscription = broadcast.subscribe(QUEUE_BYTES)
  let reason: StopReason = 'ended'
  let bytes = 0
  let problem: string | null = null
  let isGone = false
  const done = record()
  return {
    done,
    bytes: () => bytes,
    status: () => null,
    stop(why) {
      reason = why === undefined ? 'stopped' : 'disk_error'
      problem = why ?? null
      broadcast.unsubscribe(subscription)
    },
    close: () => atMost(CLOSE_MS, done),
  }

  async function record(): Promise<RecordedFile> {
    let file: FileHandle | null = null
    try {
      await ready
      file = await open(path, 'wx')
      await writeAll(file)
      await file.datasync()
      await requireLinked(file)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      reason = code === 'ENOSPC' || code === 'EDQUOT' ? 'disk_full' : 'disk_error'
      problem = message
    } finally {
      broadcast.unsubscribe(subscription)
      // What could not be written is known by now.
      await file?.close().catch(() => {})
    }
    return { reason, bytes, droppedFrames: subscription.dropped.frames, problem, isGone }
  }

  /** What is written to a file without a name goes with it when it is closed, and no error tells. */
  async function requireLinked(file: FileHandle): Promise<void> {
    if ((await file.stat()).nlink > 0) return
    isGone = true
    throw new Error(REMOVED)
  }

  async function writeAll(file: FileHandle): Promise<void> {
    await write(file, [encodeFileHeader({ video: true, audio: true })])
    for (let looked = Number.NEGATIVE_INFINITY; ; ) {
      if (performance.now() - looked > LOOK_MS) {
        looked = performance.now()
        await requireLinked(file)
        if ((await freeBytes(path)) < floorBytes) {
          reason = 'disk_floor'
          return
        }
      }
      const batch = await subscription.next(NEVER)
      if (batch === null) return
      await write(
        file,
        batch.map((tag) => tag.bytes),
      )
    }
  }

  async function write(file: FileHandle, pieces: Buffer[]): Promise<void> {
    const whole = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
    for (let at = 0; at < whole.length; ) {
      const { bytesWritten } = await file.write(whole, at)
      at += bytesWritten
    }
    bytes += whole.length
  }
}
