import { spawn } from 'node:child_process'
import { FFMPEG } from './media.ts'

/**
 * A picture that a program can read back: its first rows carry its number. A white cell, then 24 bits (most significant first,
 * white for 1), then a black cell, all equally wide; below them something moves, so that an encoder has work.
 */
export const CLOCK_BITS = 24

/** Height of the row that carries the number. */
export const CLOCK_ROW_HEIGHT = 24

const WHITE = 235
const BLACK = 16

/** Draws frame `number` in planar YUV 4:2:0. Width and height are even. */
export function drawClock(number: number, width: number, height: number): Buffer {
  const picture = Buffer.alloc((width * height * 3) / 2, 128)
  const luma = picture.subarray(0, width * height)
  luma.fill(64 + (number % 100))
  const cell = Math.floor(width / (CLOCK_BITS + 2))
  for (let index = 0; index < CLOCK_BITS + 2; index++) {
    const bit = Math.floor(number / 2 ** (CLOCK_BITS - index)) % 2
    const white = index === 0 || (index <= CLOCK_BITS && bit === 1)
    for (let y = 0; y < CLOCK_ROW_HEIGHT; y++)
      luma.fill(white ? WHITE : BLACK, y * width + index * cell, y * width + (index + 1) * cell)
  }
  const side = Math.floor(height / 4)
  const left = (number * 7) % (width - side)
  for (let y = height - side; y < height; y++)
    luma.fill((y * 5 + number) % 200, y * width + left, y * width + left + side)
  return picture
}

/** Writes `frames` pictures of the clock as Motion JPEG at 30 frames a second: what Chromium takes as the picture of a fake camera. */
export async function writeClockVideo(path: string, width: number, height: number, frames: number): Promise<void> {
  await encodeClock(width, height, frames, [], ['-c:v', 'mjpeg', '-q:v', '3', '-f', 'mjpeg', '-y', path])
}

/** A recording of the clock with a tone, as a recorder gives it: H.264 with a keyframe every 2 s and Opus, in Matroska. */
export function clockRecording(width: number, height: number, frames: number): Promise<Buffer> {
  const tone = ['-f', 'lavfi', '-i', `sine=duration=${frames / 30}`]
  const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '60', '-pix_fmt', 'yuv420p']
  return encodeClock(width, height, frames, tone, [...video, '-c:a', 'libopus', '-f', 'matroska', 'pipe:1'])
}

/** Encodes `frames` pictures of the clock, and a further input; gives what FFmpeg writes to its standard output. */
async function encodeClock(
  width: number,
  height: number,
  frames: number,
  input: string[],
  output: string[],
): Promise<Buffer> {
  const raw = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${width}x${height}`, '-r', '30', '-i', 'pipe:0']
  const child = spawn(FFMPEG, ['-v', 'error', ...raw, ...input, ...output], { stdio: ['pipe', 'pipe', 'inherit'] })
  const written: Buffer[] = []
  child.stdout.on('data', (bytes: Buffer) => written.push(bytes))
  const exited = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)))
  for (let number = 1; number <= frames; number++) {
    if (!child.stdin.write(drawClock(number, width, height)))
      await new Promise((resolve) => child.stdin.once('drain', resolve))
  }
  child.stdin.end()
  if ((await exited) !== 0) throw new Error('FFmpeg did not write the clock.')
  return Buffer.concat(written)
}
