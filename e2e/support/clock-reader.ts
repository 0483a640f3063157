import { CLOCK_BITS, CLOCK_ROW_HEIGHT } from './clock.ts'
import { ffmpeg } from './media.ts'

/**
 * The numbers of the clock's frames in a file, in the order of decoding; null for a picture without a clock. A picture that changes
 * its size is read at each size (FFmpeg: `-noautoscale`).
 */
export async function readFrames(file: Buffer): Promise<(number | null)[]> {
  const filter = `crop=iw:${CLOCK_ROW_HEIGHT}:0:0,format=gray,showinfo=checksum=0`
  const args = [
    '-v',
    'info',
    '-nostats',
    '-i',
    'pipe:0',
    '-an',
    '-fps_mode',
    'passthrough',
    '-noautoscale',
    '-vf',
    filter,
  ]
  const { code, stdout, stderr } = await ffmpeg([...args, '-f', 'rawvideo', 'pipe:1'], file)
  const isSoundAlone = stderr.includes('does not contain any stream')
  if (code !== 0 && file.length > 0 && !isSoundAlone) throw new Error(`FFmpeg does not read this: ${stderr}`)
  const frames: (number | null)[] = []
  let at = 0
  for (const match of stderr.matchAll(/\bn:\s*\d+ .*? s:(\d+)x\d+/g)) {
    const width = Number(match[1])
    frames.push(readStrip(stdout.subarray(at, at + width * CLOCK_ROW_HEIGHT), width))
    at += width * CLOCK_ROW_HEIGHT
  }
  if (at !== stdout.length) throw new Error(`FFmpeg gave ${stdout.length} bytes of picture, and ${at} were read.`)
  return frames
}

function readStrip(strip: Buffer, width: number): number | null {
  const cell = Math.floor(width / (CLOCK_BITS + 2))
  const white = (index: number) =>
    strip.readUInt8((CLOCK_ROW_HEIGHT / 2) * width + Math.floor((index + 0.5) * cell)) > 127
  if (!white(0) || white(CLOCK_BITS + 1)) return null
  let value = 0
  for (let bit = 1; bit <= CLOCK_BITS; bit++) value = value * 2 + (white(bit) ? 1 : 0)
  return value
}

/** The numbers without repeats that follow each other: a constant frame rate shows a picture again where none came. */
export function withoutRepeats(frames: (number | null)[]): (number | null)[] {
  return frames.filter((frame, index) => index === 0 || frame !== frames[index - 1])
}
