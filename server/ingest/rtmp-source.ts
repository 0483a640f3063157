import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { backoff } from '../../shared/backoff.ts'
import { GatewayError } from '../../shared/errors.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { EpochWriter } from '../broadcast/epoch-writer.ts'
import { planCodecs } from '../ffmpeg/codecs.ts'
import type { FfmpegPurpose, Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import type { Tracks } from '../ffmpeg/job.ts'
import { rtmpSourceJob } from '../ffmpeg/jobs.ts'
import type { PictureSize } from '../ffmpeg/picture-size.ts'
import type { FfmpegExit, FfmpegRun } from '../ffmpeg/run.ts'
import { FlvReader } from '../flv/reader.ts'
import { AAC, AVC, codecIdOf, TAG_TYPE, type Tag } from '../flv/tag.ts'
import { eachInTurn, type Turns } from '../process/turns.ts'

/** Times that a stream is played again after it stopped, and the wait before each. */
const ATTEMPTS = 20
const RETRY = { minMs: 500, maxMs: 1_000 }
/** How long FFmpeg may take to write what came before the encoder left. Blocked in a read of RTMP, it heeds no SIGTERM. */
const STOP_MS = 700
/** An encoder of which nothing comes for so long, in ms, is disconnected: it may begin anew. Keyframes are at most 10 s apart as a rule. */
const SILENT_MS = 30_000
/** How long the tracks of a stream are looked for: from its beginning on, and in its middle, where there is no picture before a keyframe. */
const LOOK_FOR_SECONDS = { first: 3, again: 15 }
/** What may wait for a track that was announced and does not come: some seconds. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024
const MAX_WAITING_TAGS = 2_000
const NONE = { audio: false, video: false }
const COPY_ALL = ['-map', '0:v:0?', '-map', '0:a:0?', '-c', 'copy']

/** What playing needs of the gateway. */
export interface RtmpSourceOptions {
  ffmpegs: Ffmpegs
  turns: Turns
  /** @throws GatewayError `unavailable` where there is no room for another transcoder */
  admitTranscode(picture: PictureSize | null): void
  /** Ends the connection of the encoder: what it sends is not taken, or nothing comes of it. */
  disconnect(): void
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
  { ffmpegs, turns, admitTranscode, disconnect, log }: RtmpSourceOptions,
): RtmpSource {
  const closing = new AbortController()
  let current: FfmpegRun | null = null
  let epochs = 0
  log.info({ source: 'rtmp' }, 'broadcast began')
  const done = keepPlaying().catch((error: unknown) => {
    if (!(error instanceof GatewayError)) throw error
    log.error({ code: error.code, reason: error.message }, 'the RTMP stream is not played')
    disconnect()
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
    if (current) await endPlayer(current)
    await done
    await broadcast.end()
    log.info({ bytesIn: broadcast.bytesIn }, 'broadcast ended')
  }

  async function keepPlaying(): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      let result = await play(null, LOOK_FOR_SECONDS[attempt === 0 ? 'first' : 'again'])
      if (result.transcode) {
        admitTranscode(result.transcode.video)
        result = await play(result.transcode, LOOK_FOR_SECONDS.again)
      }
      if (closing.signal.aborted) return
      if (result.refusal) throw result.refusal
      log.warn({ reason: result.exit.message }, 'the RTMP stream stopped')
      await delay(backoff(attempt, RETRY), undefined, { signal: closing.signal }).catch(() => {})
      if (closing.signal.aborted) return
    }
    log.error('the RTMP stream cannot be played')
    void broadcast.end()
  }

  /** Plays until the stream stops. `tracks` says what to transcode; null copies, and stops where that cannot be. */
  async function play(
    tracks: Tracks | null,
    lookForSeconds: number,
  ): Promise<{ exit: FfmpegExit; transcode: Tracks | null; refusal: GatewayError | null }> {
    const reader = new FlvReader()
    const waiting: Tag[] = []
    let waitingBytes = 0
    let writer: EpochWriter | null = null
    let transcode: Tracks | null = null
    let refused: string | null = null
    const options = tracks ? planCodecs(tracks).outputOptions : COPY_ALL
    const purpose: FfmpegPurpose = { use: tracks ? 'transcode' : 'play', stream: broadcast.name, name: null }
    const silence = setTimeout(onSilence, SILENT_MS)
    const run = await ffmpegs.run(rtmpSourceJob(url, options, lookForSeconds), purpose, {
      onOutput: (bytes) => {
        broadcast.bytesIn += bytes.length
        silence.refresh()
        return eachInTurn(reader.read(bytes), turns, take)
      },
      onLine: (line) => {
        refused = /Codec \((\w+)\) not on whitelist/.exec(line)?.[1] ?? refused
      },
    })
    current = run
    if (closing.signal.aborted) void endPlayer(run)
    const exit = await run.exited
    clearTimeout(silence)
    current = null
    return { exit, transcode, refusal: writer === null && refused !== null ? notTaken(refused) : null }

    function onSilence(): void {
      log.warn({ seconds: SILENT_MS / 1000 }, 'nothing comes of the encoder, and it is disconnected')
      disconnect()
    }

    function take(tag: Tag): void {
      if (transcode) return
      if (writer) return writer.write(tag)
      waiting.push(tag)
      waitingBytes += tag.body.length
      const announced = waitingBytes < MAX_WAITING_BYTES && waiting.length < MAX_WAITING_TAGS ? reader.tracks : NONE
      const seen = announced && tracksOf(waiting, announced)
      if (!seen) return
      if (tracks === null && (seen.video?.codec === 'other' || seen.audio?.codec === 'other')) {
        transcode = seen
        run.kill('SIGTERM')
        return
      }
      const at = epochs === 0 ? 0 : broadcast.ageMs
      writer = broadcast.beginEpoch({ epoch: epochs++, at, ...planCodecs(tracks ?? seen) })
      for (const early of waiting) writer.write(early)
    }
  }
}

/** Lets FFmpeg write what it has for a moment, and ends it. */
async function endPlayer(run: FfmpegRun): Promise<void> {
  const timer = setTimeout(() => run.kill('SIGKILL'), STOP_MS)
  run.stdin.end()
  await run.exited
  clearTimeout(timer)
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

function notTaken(codec: string): GatewayError {
  return new GatewayError(
    'unsupported_media',
    `The encoder sends ${codec}, which is not taken. Set it to H.264 and AAC.`,
  )
}
