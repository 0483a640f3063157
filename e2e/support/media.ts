import { spawn } from 'node:child_process'

/** The FFmpeg of the tests. */
export const FFMPEG = process.env.CASTGATE_FFMPEG ?? 'ffmpeg'

/** What FFmpeg printed. */
export interface FfmpegOutput {
  code: number
  stdout: Buffer
  stderr: string
}

/** Runs FFmpeg to its end; `input` goes to its standard input. */
export function ffmpeg(args: string[], input?: Buffer): Promise<FfmpegOutput> {
  return new Promise((resolve, reject) => {
    const child = spawn(FFMPEG, ['-hide_banner', ...args], { stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'] })
    const stdout: Buffer[] = []
    let stderr = ''
    child.stdout?.on('data', (bytes: Buffer) => stdout.push(bytes))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, stdout: Buffer.concat(stdout), stderr }))
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** What decoding a file from memory shows. */
export interface Decoded {
  /** What FFmpeg complained about, at level `error`. */
  errors: string
  /** Seconds of sound. */
  audioSeconds: number
  /** Loudest sample of the sound in dB relative to full scale; null without sound. */
  loudestDb: number | null
}

/** Decodes all of a file, picture and sound. */
export async function decode(file: Buffer): Promise<Decoded> {
  // With the time base that FFmpeg would choose, uneven frame times round to the same tick, and it complains of that.
  const exact = ['-fps_mode', 'passthrough', '-enc_time_base', '1:90000']
  const { stderr: errors } = await ffmpeg(['-v', 'error', '-i', 'pipe:0', ...exact, '-f', 'null', '-'], file)
  const { stderr } = await ffmpeg(
    ['-v', 'info', '-nostats', '-i', 'pipe:0', '-vn', '-af', 'volumedetect', '-f', 'null', '-'],
    file,
  )
  // FFmpeg sets filters up more than once; the last ones saw the sound.
  const samples = Number([...stderr.matchAll(/n_samples: (\d+)/g)].at(-1)?.[1] ?? 0)
  const [, rate = 48_000] = /Audio: .*?, (\d+) Hz/.exec(stderr) ?? []
  const channels = /Audio: .*?stereo/.test(stderr) ? 2 : 1
  const loudest = [...stderr.matchAll(/max_volume: (-?[\d.]+|-inf) dB/g)].at(-1)?.[1]
  return {
    errors: errors.trim(),
    audioSeconds: samples / Number(rate) / channels,
    loudestDb: loudest === undefined ? null : loudest === '-inf' ? Number.NEGATIVE_INFINITY : Number(loudest),
  }
}
