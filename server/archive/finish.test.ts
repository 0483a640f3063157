import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { FlvReader } from '../flv/reader.ts'
import { encodeFileHeader, encodeTag, type Tag } from '../flv/tag.ts'
import { FILES } from './entry.ts'
import { finish } from './finish.ts'
import { survey } from './survey.ts'

const FFMPEG = process.env.CASTGATE_FFMPEG ?? 'ffmpeg'
const never = new AbortController().signal

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'castgate-finish-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const ffmpeg = (...args: string[]) => execFileSync(FFMPEG, ['-v', 'error', ...args], { maxBuffer: 1e9 })

/** The tags of what FFmpeg makes with these arguments, `later` ms later. */
function tags(later: number, ...args: string[]): Tag[] {
  const made = ffmpeg(...args, '-f', 'flv', 'pipe:1')
  return [...new FlvReader().read(made)]
    .filter(({ type }) => type !== 18)
    .map((tag) => ({ ...tag, timestamp: tag.timestamp + later }))
}

function record(all: Tag[]): void {
  const bytes = [encodeFileHeader({ video: true, audio: true }), ...all.map(encodeTag)]
  writeFileSync(join(directory, FILES.flv), Buffer.concat(bytes))
}

const finished = () => finish(directory, 'cam', { ffmpegs: new Ffmpegs(FFMPEG), signal: never })

/** The middle of the frequencies of a second of the recording's sound, in Hz. */
function toneAt(seconds: number): number {
  const raw = ffmpeg(
    '-ss',
    `${seconds}`,
    '-t',
    '1',
    '-i',
    join(directory, FILES.mp4),
    '-ac',
    '1',
    '-ar',
    '48000',
    '-f',
    's16le',
    'pipe:1',
  )
  let crossings = 0
  for (let at = 2; at + 1 < raw.length; at += 2)
    if (raw.readInt16LE(at - 2) < 0 && raw.readInt16LE(at) >= 0) crossings++
  return crossings / (raw.length / 2 / 48_000)
}

const sine = (seconds: number, rate: number, channels: number) => [
  ...['-f', 'lavfi', '-i', `sine=440:r=${rate}:d=${seconds}`, '-ac', `${channels}`, '-c:a', 'aac', '-b:a', '64k'],
]

describe('the MP4 of a recording', () => {
  it('has a picture that begins long after the sound, and only then the FLV goes away', async () => {
    // More sound than FFmpeg looks at by itself.
    const noise = tags(0, '-f', 'lavfi', '-i', 'anoisesrc=r=48000:d=10', '-ac', '2', '-c:a', 'aac', '-b:a', '512k')
    const long = Array.from({ length: 20 }, (_, round) =>
      noise.map((tag) => ({ ...tag, timestamp: tag.timestamp + round * 10_100 })),
    ).flat()
    const picture = ['-f', 'lavfi', '-i', 'testsrc=size=320x180:rate=10:duration=3', '-c:v', 'libx264']
    record([...long, ...tags(202_000, ...picture)])
    expect(await survey(join(directory, FILES.flv), never)).toMatchObject({ hasPicture: true, hasSound: true })
    expect((await survey(join(directory, FILES.flv), never)).pictureAt).toBeGreaterThan(5_000_000)
    await finished()
    const frames = ffmpeg('-i', join(directory, FILES.mp4), '-map', '0:v', '-f', 'framecrc', 'pipe:1').toString()
    expect(frames.split('\n').filter((line) => /^0,/.test(line))).toHaveLength(30)
    expect(existsSync(join(directory, FILES.flv))).toBe(false)
  })

  it('plays sound as it was where it changes its rate and its channels', async () => {
    record([...tags(0, ...sine(5, 48_000, 2)), ...tags(5_000, ...sine(5, 44_100, 1))])
    expect(await survey(join(directory, FILES.flv), never)).toMatchObject({ soundChanges: true })
    await finished()
    for (const second of [1, 3, 6, 8]) expect(Math.abs(toneAt(second) - 440)).toBeLessThan(5)
  })

  it('copies sound that does not change', async () => {
    const all = tags(0, ...sine(3, 48_000, 2))
    record(all)
    await finished()
    const copied = ffmpeg('-i', join(directory, FILES.mp4), '-c', 'copy', '-f', 'adts', 'pipe:1')
    // The sound in ADTS (ISO/IEC 13818-7): seven bytes before each frame.
    const sound = all.filter(({ body }) => body[1] === 1).map(({ body }) => body.subarray(2))
    expect(copied.length).toBe(Buffer.concat(sound).length + 7 * sound.length)
  })

  it('is not taken where it misses a track, and the FLV stays', async () => {
    // A picture that FFmpeg cannot know: its header is missing.
    const [, ...headless] = tags(0, '-f', 'lavfi', '-i', 'testsrc=size=320x180:rate=10:duration=1', '-c:v', 'libx264')
    record([...tags(0, ...sine(1, 48_000, 2)), ...headless])
    await expect(finished()).rejects.toThrow()
    expect(readFileSync(join(directory, FILES.flv)).length).toBeGreaterThan(1000)
    expect(existsSync(join(directory, FILES.mp4))).toBe(false)
  })
})
