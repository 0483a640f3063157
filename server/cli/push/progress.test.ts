import { describe, expect, it } from 'vitest'
import { Progress } from './progress.ts'

function screen(isTTY: boolean) {
  const written: string[] = []
  return { isTTY, columns: 80, write: (text: string) => written.push(text), written }
}

const GROUP = (seconds: number, last = false) => [
  `out_time_us=${seconds * 1e6}`,
  'speed=1.01x',
  `progress=${last ? 'end' : 'continue'}`,
]

describe('Progress', () => {
  it('draws a bar in a terminal, again and again in the same line', () => {
    const terminal = screen(true)
    const progress = new Progress(terminal, 60)
    for (const line of [...GROUP(0), ...GROUP(30)]) progress.take(line)
    progress.finish(false)
    const half = `\r\x1b[K[${'#'.repeat(15)}${'-'.repeat(15)}] 0:30 of 1:00, 50 %, 1.01x`
    expect(terminal.written.slice(1)).toEqual([half, half, '\n'])
  })

  it('writes a plain line every five seconds and at the end elsewhere', () => {
    const file = screen(false)
    const progress = new Progress(file, 3661)
    for (const seconds of [0, 1, 4, 5, 6]) for (const line of GROUP(seconds)) progress.take(line)
    // FFmpeg's last figure may be that of the frame before the last.
    for (const line of GROUP(3660, true)) progress.take(line)
    progress.finish(true)
    expect(file.written).toEqual([
      '0:00 of 1:01:01, 0 %, 1.01x\n',
      '0:05 of 1:01:01, 0 %, 1.01x\n',
      '1:01:00 of 1:01:01, 100 %, 1.01x\n',
      '1:01:01 of 1:01:01, 100 %, 1.01x\n',
    ])
  })

  it('tells where it was left, once', () => {
    const file = screen(false)
    const progress = new Progress(file, 60)
    for (const seconds of [0, 3]) for (const line of GROUP(seconds, seconds > 0)) progress.take(line)
    progress.finish(false)
    progress.finish(false)
    expect(file.written).toEqual(['0:00 of 1:00, 0 %, 1.01x\n', '0:03 of 1:00, 5 %, 1.01x\n'])
  })

  it('knows no share where the length is not known', () => {
    const file = screen(false)
    const progress = new Progress(file, null)
    for (const line of GROUP(0)) progress.take(line)
    expect(file.written).toEqual(['0:00, 1.01x\n'])
  })
})
