import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What so many viewers got. */
export interface Got {
  /** Bits a second of the viewer who got least, and of the one in the middle. */
  least: number
  median: number
  /** How many are still connected. */
  connected: number
}

/** What a viewer says, and how it goes on when it is answered: null as soon as all that comes is media. */
export type Talk = (write: (bytes: Buffer) => void) => ((bytes: Buffer) => boolean) | null

/** Asks for `path` over HTTP. */
export function overHttp(path: string): Talk {
  return (write) => {
    write(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`))
    return null
  }
}

/** Viewers that throw away what they get: as little work as a load generator can do. */
export class Viewers {
  readonly #port: number
  readonly #talk: Talk
  readonly #viewers: { socket: Socket; bytes: number; open: boolean }[] = []
  // All share the memory into which they read.
  readonly #buffer = Buffer.alloc(256 * 1024)

  constructor(port: number, talk: Talk) {
    this.#port = port
    this.#talk = talk
  }

  get count(): number {
    return this.#viewers.length
  }

  /** Adds viewers until there are `count`. */
  async growTo(count: number): Promise<void> {
    while (this.#viewers.length < count) {
      this.#viewers.push(this.#open())
      // Not all at once: the current group of pictures goes to each at its beginning.
      if (this.#viewers.length % 20 === 0) await delay(20)
    }
  }

  /** What they get in `ms`. */
  async measure(ms: number): Promise<Got> {
    const before = this.#viewers.map(({ bytes }) => bytes)
    const from = performance.now()
    await delay(ms)
    const seconds = (performance.now() - from) / 1000
    const rates = this.#viewers.map(({ bytes }, index) => ((bytes - (before[index] ?? 0)) * 8) / seconds)
    rates.sort((a, b) => a - b)
    return {
      least: rates[0] ?? 0,
      median: rates[Math.floor(rates.length / 2)] ?? 0,
      connected: this.#viewers.filter(({ open }) => open).length,
    }
  }

  close(): void {
    for (const { socket } of this.#viewers) socket.destroy()
  }

  #open() {
    const onread = {
      buffer: this.#buffer,
      callback: (bytes: number) => {
        viewer.bytes += bytes
        if (answer && !answer(Buffer.from(this.#buffer.subarray(0, bytes)))) answer = null
        return true
      },
    }
    const socket = connect({ port: this.#port, host: '127.0.0.1', onread })
    const viewer = { socket, bytes: 0, open: true }
    socket.on('error', () => {})
    socket.on('close', () => {
      viewer.open = false
    })
    let answer = this.#talk((bytes) => void socket.write(bytes))
    return viewer
  }
}
