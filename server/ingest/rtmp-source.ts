import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { IngestError } from '../../shared/close-codes.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { EpochWriter } from '../broadcast/epoch-writer.ts'
import { planCodecs } from '../ffmpeg/codecs.ts'
import type { FfmpegPurpose, Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import type { Tracks } from '../ffmpeg/job.ts'
import { rtmpSourceJob } from '../ffmpeg/jobs.ts'
import { type FfmpegExit, type FfmpegRun, stopFfmpeg } from '../ffmpeg/run.ts'
import { FlvReader } from '../flv/reader.ts'
import { AAC, AVC, codecIdOf, TAG_TYPE, type Tag } from '../flv/tag.ts'

/** Times that a stream is played again after it stopped, and the wait before each. */
const ATTEMPTS = 20
const RETRY_MS = 500
const STOP_MS = 1_000
/** How long the tracks of a stream are looked for: from its beginning on, and in its middle, where there is no picture before a keyframe. */
const LOOK_FOR_SECONDS = { first: 3, again: 15 }
const COPY_ALL = ['-map', '0:v:0?', '-map', '0:a:0?', '-c', 'copy']

/** What playing needs of the gateway. */
export interface RtmpSourceOptions {
  ffmpegs: Ffmpegs
  /** @throws IngestError `unavailable` where there is no room for another transcoder */
  admitTranscode(): void
  /** There was none: the encoder is to be told. */
  onRefused(): void
  log: Logger
}

/** Puts on the bus what another encoder publishes to our RTMP server. */
export interface RtmpSource {
  /** The encoder has gone: ends the broadcast. Idempotent. */
  close(): Promise<void>
}

/**
 * Plays `url` into `broadcast`. It is copied first; where its first tags show other codecs than H.264 and AAC, it is played
 * again and transcoded.
 */
export function startRtmpSource(
  broadcast: Broadcast,
  url: string,
  { ffmpegs, admitTranscode, onRefused, log }: RtmpSourceOptions,
): RtmpSource {
  const closing = new AbortController()
  let current: FfmpegRun | null = null
  let epochs = 0
  log.info({ source: 'rtmp' }, 'broadcast began')
  const done = keepPlaying().catch((error: unknown) => {
    if (!(error instanceof IngestError)) throw error
    log.error({ code: error.code, reason: error.message }, 'the RTMP stream is not played')
    onRefused()
  })
  let closed: Promise<void> | null = null
  return {
    close() {
      closed ??= close()
      return closed
    },
  }

  async function close(): Promise<void> {
    closing.abort()
    if (current) await stopFfmpeg(current, STOP_MS)
    await done
    await broadcast.end()
    log.info({ bytesIn: broadcast.bytesIn }, 'broadcast ended')
  }

  async function keepPlaying(): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      let result = await play(null, LOOK_FOR_SECONDS[attempt === 0 ? 'first' : 'again'])
      if (result.transcode) {
        admitTranscode()
        result = await play(result.transcode, LOOK_FOR_SECONDS.again)
      }
      if (closing.signal.aborted) return
      log.warn({ reason: result.exit.message }, 'the RTMP stream stopped')
      await delay(RETRY_MS, undefined, { signal: closing.signal }).catch(() => {})
      if (closing.signal.aborted) return
    }
    log.error('the RTMP stream cannot be played')
    void broadcast.end()
  }

  /** Plays until the stream stops. `tracks` says what to transcode; null copies, and stops where that cannot be. */
  async function play(
    tracks: Tracks | null,
    lookForSeconds: number,
  ): Promise<{ exit: FfmpegExit; transcode: Tracks | null }> {
    const reader = new FlvReader()
    const waiting: Tag[] = []
    let writer: EpochWriter | null = null
    let transcode: Tracks | null = null
    const options = tracks ? planCodecs(tracks).outputOptions : COPY_ALL
    const purpose: FfmpegPurpose = { use: tracks ? 'transcode' : 'play', stream: broadcast.name, name: null }
    const run = await ffmpegs.run(rtmpSourceJob(url, options, lookForSeconds), purpose, {
      onOutput: (bytes) => {
        broadcast.bytesIn += bytes.length
        for (const tag of reader.read(bytes)) take(tag)
      },
    })
    current = run
    if (closing.signal.aborted) void stopFfmpeg(run, STOP_MS)
    const exit = await run.exited
    current = null
    return { exit, transcode }

    function take(tag: Tag): void {
      if (transcode) return
      if (writer) return writer.write(tag)
      waiting.push(tag)
      const seen = reader.tracks && tracksOf(waiting, reader.tracks)
      if (!seen) return
      if (tracks === null && (seen.video?.codec === 'other' || seen.audio?.codec === 'other')) {
        transcode = seen
        run.kill('SIGTERM')
        return
      }
      const at = epochs === 0 ? 0 : Date.now() - broadcast.startedAt.getTime()
      writer = broadcast.beginEpoch({ epoch: epochs++, at, ...planCodecs(tracks ?? seen) })
      for (const early of waiting) writer.write(early)
    }
  }
}

/** The tracks of a stream, once a tag of each announced one is there. */
function tracksOf(tags: Tag[], announced: { audio: boolean; video: boolean }): Tracks | null {
  const video = tags.find((tag) => tag.type === TAG_TYPE.video)
  const audio = tags.find((tag) => tag.type === TAG_TYPE.audio)
  if ((announced.video && !video) || (announced.audio && !audio)) return null
  return {
    video: video ? { codec: codecIdOf(video) === AVC ? 'h264' : 'other', width: 0, height: 0 } : null,
    audio: audio ? { codec: codecIdOf(audio) === AAC ? 'aac' : 'other' } : null,
  }
}
