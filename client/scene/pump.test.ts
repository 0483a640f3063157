import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PicturePump } from './pump.ts'

/** Pictures that are open: each must be closed by somebody. */
let open = 0

class FakeFrame {
  readonly timestamp: number
  readonly displayWidth: number
  readonly displayHeight: number
  readonly visibleRect: { width: number; height: number }
  readonly of: string
  #isClosed = false

  constructor(
    from: { width?: number; height?: number; displayWidth?: number; of?: string },
    init: { timestamp: number },
  ) {
    open++
    this.timestamp = init.timestamp
    this.displayWidth = from.displayWidth ?? from.width ?? 0
    this.displayHeight = (from as FakeFrame).displayHeight ?? from.height ?? 0
    this.visibleRect = { width: this.displayWidth, height: this.displayHeight }
    this.of = from.of ?? 'canvas'
  }

  clone(): FakeFrame {
    return new FakeFrame(this, { timestamp: this.timestamp })
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    open--
  }
}

class FakeCanvas {
  width: number
  height: number
  constructor(width: number, height: number) {
    this.width = width
    this.height = height
  }
  getContext() {
    return { fillRect() {}, fillText() {}, drawImage() {} }
  }
}

/** A source that a test gives pictures. */
function source(of: string) {
  let controller: ReadableStreamDefaultController<VideoFrame> | undefined
  const readable = new ReadableStream<VideoFrame>({
    start(given) {
      controller = given
    },
  })
  return {
    readable,
    give: (timestamp: number) =>
      controller?.enqueue(new FakeFrame({ width: 640, height: 360, of }, { timestamp }) as unknown as VideoFrame),
    end: () => controller?.close(),
  }
}

let shown: { of: string; at: number }[] = []
let over = 0
let pump: PicturePump
beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('VideoFrame', FakeFrame)
  vi.stubGlobal('OffscreenCanvas', FakeCanvas)
  open = 0
  over = 0
  shown = []
  const sink = new WritableStream<FakeFrame>({
    write(frame) {
      shown.push({ of: frame.of, at: frame.timestamp })
      frame.close()
    },
  })
  pump = new PicturePump(sink as unknown as WritableStream<VideoFrame>, () => over++)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

/** Gives a picture each 40 ms, as the source's own clock counts. */
async function play({ give }: ReturnType<typeof source>, from: number, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    give(from + index * 40_000)
    await pass(40)
  }
}

describe('the pump of pictures', () => {
  it('keeps the times of the first source, and goes on with those of the next one on the same clock', async () => {
    const [camera, screen] = [source('camera'), source('screen')]
    pump.show(camera, true)
    await play(camera, 5_000_000_000, 5)
    pump.show(screen, false)
    await play(screen, 0, 5)
    expect(shown.map(({ of }) => of)).toEqual([...Array(5).fill('camera'), ...Array(5).fill('screen')])
    const times = shown.map(({ at }) => at - 5_000_000_000)
    expect(times).toEqual([0, 40_000, 80_000, 120_000, 160_000, 200_000, 240_000, 280_000, 320_000, 360_000])
  })

  it('takes no picture of a source that was left, and closes all', async () => {
    const [camera, screen] = [source('camera'), source('screen')]
    pump.show(camera, true)
    await play(camera, 0, 2)
    pump.show(screen, false)
    await play(screen, 0, 2)
    expect(() => camera.give(80_000)).toThrow()
    pump.close()
    await pass(1_000)
    expect(shown).toHaveLength(4)
    // The one of the refused picture.
    expect(open).toBe(1)
  })

  it('repeats the last picture where none comes, with times that go on', async () => {
    const screen = source('screen')
    pump.show(screen, false)
    await play(screen, 1_000_000, 1)
    await pass(2_000)
    expect(shown.length).toBeGreaterThan(3)
    const times = shown.map(({ at }) => at)
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b))
    expect((times.at(-1) ?? 0) - 1_000_000).toBeGreaterThan(1_400_000)
  })

  it('shows a card five times a second, until pictures come again', async () => {
    const camera = source('camera')
    pump.show(camera, true)
    await play(camera, 0, 2)
    pump.card('Camera off', { width: 1280, height: 720 })
    await pass(1_000)
    expect(shown.filter(({ of }) => of === 'canvas').length).toBeGreaterThanOrEqual(5)
    const next = source('next')
    pump.show(next, true)
    await play(next, 0, 3)
    expect(shown.slice(-3).map(({ of }) => of)).toEqual(['next', 'next', 'next'])
    const times = shown.map(({ at }) => at)
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  it('says when the pictures of a file have ended and all went out', async () => {
    const file = source('file')
    pump.show(file, false)
    await play(file, 0, 3)
    expect(over).toBe(0)
    file.give(120_000)
    file.end()
    await pass(1)
    expect([over, shown.length]).toEqual([1, 4])
  })
})
