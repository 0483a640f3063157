import { isStreamName, STREAM_NAME_RULE } from '../../../shared/stream-name.ts'
import { signToken } from '../../access/access.ts'
import type { ServerAddress } from '../../config/command-line.ts'
import { planCodecs } from '../../ffmpeg/codecs.ts'
import { pushFileJob, pushUrlJob } from '../../ffmpeg/jobs.ts'
import { type FfmpegRun, runFfmpeg } from '../../ffmpeg/run.ts'
import { addressInUrl } from '../../net/port.ts'
import { ExitError, UsageError } from '../../process/errors.ts'
import { requireFfmpeg } from '../../system/requirements.ts'
import { type MediaFile, readMediaFile } from './media-file.ts'
import { Progress } from './progress.ts'
import { Uplink } from './uplink.ts'

/** What `castgate push` was asked to do. */
export interface PushOptions extends ServerAddress {
  file: string
  /** A stream name of a gateway, or an RTMP URL. */
  target: string
  loop: boolean
  ffmpeg: string | null
  install: boolean
  /** What the gateway lets in with, where it needs that. */
  token: string | null
  /** The gateway's secret: a token is made with it where none was given. */
  secret: string | null
}

/** How long a token is good that is made here, in s: it is needed again after a lost connection. */
const OWN_TOKEN_SECONDS = 30 * 24 * 3600

/**
 * Broadcasts a file in real time: to a gateway, or straight to an RTMP URL. What can be copied is copied. Resolves with the exit
 * code; Ctrl-C ends it cleanly, with 0.
 * @throws ExitError where the file, the gateway or the target is not good
 */
export async function push(options: PushOptions): Promise<number> {
  const toUrl = /^rtmps?:\/\//.test(options.target)
  if (!toUrl && !isStreamName(options.target)) {
    throw new UsageError(`"${options.target}" is neither an rtmp:// URL nor a stream name (${STREAM_NAME_RULE}).`)
  }
  const ffmpeg = await requireFfmpeg(options.ffmpeg, options.install)
  const file = await readMediaFile(options.file, ffmpeg.path)
  const progress = new Progress(process.stdout, options.loop ? null : file.duration)
  let end: PushEnd | null = null
  try {
    end = await (toUrl
      ? pushToUrl(file, options, ffmpeg.path, progress)
      : pushToGateway(file, options, ffmpeg.path, progress))
    return 0
  } finally {
    progress.finish(end === 'whole')
  }
}

/** How a push ended that did not fail: with the file, or with Ctrl-C. */
type PushEnd = 'whole' | 'interrupted'

async function pushToUrl(
  file: MediaFile,
  options: PushOptions,
  ffmpegPath: string,
  progress: Progress,
): Promise<PushEnd> {
  const job = pushUrlJob(file.path, options.loop, planCodecs(file.tracks).outputOptions, options.target)
  const run = runFfmpeg(ffmpegPath, job, { onLine: progress.take })
  const interrupted = interruptWith(run)
  const exit = await run.exited
  if (interrupted()) return 'interrupted'
  if (exit.kind === 'exited' && exit.code === 0) return 'whole'
  throw new ExitError('push_failed', `The RTMP server did not take ${file.path}. ${withoutProgress(exit.message)}`)
}

async function pushToGateway(
  file: MediaFile,
  options: PushOptions,
  ffmpegPath: string,
  progress: Progress,
): Promise<PushEnd> {
  const base = options.server ?? `http://${addressInUrl(options.host)}:${options.port}`
  const token = options.token ?? (options.secret === null ? null : await ownToken(options.secret, options.target))
  const uplink = new Uplink(`${base.replace(/^http/, 'ws').replace(/\/+$/, '')}/ingest/${options.target}`, token)
  const links = await Promise.race([uplink.welcome, uplink.done.then(() => null)])
  if (links) process.stderr.write(`Broadcasting ${file.path}: ${links.watch}\n`)
  const job = pushFileJob(file.path, options.loop, planCodecs(file.tracks).outputOptions)
  const run = runFfmpeg(ffmpegPath, job, { onLine: progress.take, onOutput: (bytes) => uplink.push(bytes) })
  const interrupted = interruptWith(run)
  const refused = uplink.done.catch(() => run.kill('SIGKILL'))
  const exit = await run.exited
  uplink.end()
  await uplink.done
  await refused
  if (interrupted()) return 'interrupted'
  if (exit.kind === 'exited' && exit.code === 0) return 'whole'
  throw new ExitError('push_failed', `FFmpeg stopped in the middle of ${file.path}. ${withoutProgress(exit.message)}`)
}

function ownToken(secret: string, stream: string): Promise<string> {
  return signToken(
    secret,
    { stream, publish: true, play: false, maxSeconds: null, maxBitrate: null },
    OWN_TOKEN_SECONDS,
  )
}

/** Lets Ctrl-C (or SIGTERM) end FFmpeg the way it ends at the end of a file; tells whether that happened. */
function interruptWith(run: FfmpegRun): () => boolean {
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true
      run.kill('SIGINT')
    })
  }
  return () => interrupted
}

/** The last thing that FFmpeg said which is not a figure of `-progress`. */
function withoutProgress(message: string): string {
  return message.split('\n').findLast((line) => !/^\w+=/.test(line)) ?? ''
}
