/** Where the progress is written: standard output, or something like it in a test. */
export interface Screen {
  isTTY?: boolean | undefined
  columns?: number | undefined
  write(text: string): unknown
}

const BAR_CELLS = 30
/** Seconds between lines where the output is no terminal. */
const LINE_EVERY = 5

/** Shows how far a file is: a bar that moves in a terminal, a plain line now and then elsewhere. */
export class Progress {
  readonly #screen: Screen
  readonly #duration: number | null
  #lastLine = Number.NEGATIVE_INFINITY
  #shown = ''

  /** `duration` in seconds; null for a file that does not say, or one that is looped. */
  constructor(screen: Screen, duration: number | null) {
    this.#screen = screen
    this.#duration = duration
  }

  /** Takes a line of FFmpeg's `-progress`, which come in groups that end with `progress=`. */
  readonly take = (line: string): void => {
    const [, key, value = ''] = /^(\w+)=\s*(.*)$/.exec(line.trim()) ?? []
    if (key === 'out_time_us' && /^-?\d+$/.test(value)) this.#seconds = Math.max(0, Number(value) / 1e6)
    else if (key === 'speed') this.#speed = value === 'N/A' ? this.#speed : value
    else if (key === 'progress') this.#show(false)
  }

  #seconds = 0
  #speed = '1x'

  /** Nothing more comes. `isWhole`: all of the file was sent, whatever FFmpeg counted last. */
  finish(isWhole: boolean): void {
    if (this.#shown === '') return
    if (isWhole && this.#duration !== null) this.#seconds = this.#duration
    this.#show(true)
    if (this.#screen.isTTY) this.#screen.write('\n')
  }

  #show(last: boolean): void {
    const text = describeProgress(this.#seconds, this.#duration, this.#speed)
    if (this.#screen.isTTY) {
      this.#shown = `${bar(this.#seconds, this.#duration)} ${text}`.slice(0, (this.#screen.columns ?? 80) - 1)
      this.#screen.write(`\r\x1b[K${this.#shown}`)
    } else if ((last && text !== this.#shown) || this.#seconds - this.#lastLine >= LINE_EVERY) {
      this.#lastLine = this.#seconds
      this.#shown = text
      this.#screen.write(`${text}\n`)
    }
  }
}

/** `0:12 of 1:00, 20 %, 1x` */
export function describeProgress(seconds: number, duration: number | null, speed: string): string {
  if (duration === null) return `${clock(seconds)}, ${speed}`
  return `${clock(seconds)} of ${clock(duration)}, ${Math.round(share(seconds, duration) * 100)} %, ${speed}`
}

function bar(seconds: number, duration: number | null): string {
  if (duration === null) return ''
  const full = Math.round(share(seconds, duration) * BAR_CELLS)
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_CELLS - full)}]`
}

function share(seconds: number, duration: number): number {
  return duration > 0 ? Math.min(1, seconds / duration) : 1
}

function clock(seconds: number): string {
  const whole = Math.floor(seconds)
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const [hours = 0, minutes = 0, rest = 0] = parts
  const tail = String(rest).padStart(2, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`
}
