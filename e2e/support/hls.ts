import { ffmpeg } from './media.ts'
import { NOT_KEPT, until } from './wait.ts'

/** What was collected of an HLS stream. */
export interface Collected {
  /** All segments, one after the other, as one MPEG transport stream. */
  bytes: Buffer
  /** As they came. */
  segments: Buffer[]
  /** Seconds of each segment, as the playlist says. */
  durations: number[]
}

interface Segment {
  bytes: Buffer
  seconds: number
  /** What EXT-X-MAP names: the initialization section of fragmented MP4, or null for MPEG-TS. */
  map: string | null
}

/** Follows a live playlist as a plain player does, and keeps every segment, until `stop` says that it has all. */
export class HlsCollector {
  readonly #url: string
  readonly #segments = new Map<string, Segment>()
  readonly #maps = new Map<string, Buffer>()

  constructor(url: string) {
    this.#url = url
  }

  /** Seconds of each segment that came so far. */
  get durations(): number[] {
    return [...this.#segments.values()].map(({ seconds }) => seconds)
  }

  /** Fetches the segments that are new; whether the playlist is there. */
  async poll(): Promise<boolean> {
    const answer = await fetch(this.#url, NOT_KEPT)
    if (!answer.ok) return false
    let map: string | null = null
    let seconds = 0
    for (const line of (await answer.text()).split('\n')) {
      const [, uri] = /^#EXT-X-MAP:URI="(.*)"/.exec(line) ?? []
      if (uri !== undefined) map = uri
      const [, duration] = /^#EXTINF:([\d.]+)/.exec(line) ?? []
      if (duration !== undefined) seconds = Number(duration)
      if (line === '' || line.startsWith('#') || this.#segments.has(line)) continue
      if (map !== null && !this.#maps.has(map)) this.#maps.set(map, await this.#get(map))
      this.#segments.set(line, { bytes: await this.#get(line), seconds, map })
    }
    return true
  }

  /** Follows the playlist until `done` resolves, and then until nothing new comes. */
  async collectUntil(done: Promise<unknown>): Promise<Collected> {
    let finished = false
    const end = done.finally(() => {
      finished = true
    })
    end.catch(() => {})
    await until(
      'the broadcast is over',
      async () => {
        await this.poll()
        return finished
      },
      250,
      // The test's own time limit ends what is stuck.
      Number.POSITIVE_INFINITY,
    )
    await end
    await until(
      'the last segment is there',
      async () => {
        const before = this.#segments.size
        await this.poll()
        return this.#segments.size > 0 && this.#segments.size === before
      },
      500,
    )
    const segments = [...this.#segments.values()].map(({ bytes }) => bytes)
    return { bytes: await this.#transportStream(), segments, durations: this.durations }
  }

  async #get(uri: string): Promise<Buffer> {
    const answer = await fetch(new URL(uri, this.#url), NOT_KEPT)
    if (!answer.ok) throw new Error(`The playlist names ${uri}, which gives ${answer.status}.`)
    return Buffer.from(await answer.arrayBuffer())
  }

  async #transportStream(): Promise<Buffer> {
    const pieces: { map: string | null; segments: Buffer[] }[] = []
    for (const { map, bytes } of this.#segments.values()) {
      const last = pieces.at(-1)
      if (last && last.map === map) last.segments.push(bytes)
      else pieces.push({ map, segments: [bytes] })
    }
    const streams: Buffer[] = []
    for (const { map, segments } of pieces) {
      const init = map === null ? null : this.#maps.get(map)
      streams.push(init ? await remuxed(Buffer.concat([init, ...segments])) : Buffer.concat(segments))
    }
    return Buffer.concat(streams)
  }
}

/** Fragmented MP4 as MPEG-TS, which can be put together where codecs change. */
async function remuxed(mp4: Buffer): Promise<Buffer> {
  const times = ['-copyts', '-muxdelay', '0', '-muxpreload', '0']
  const args = ['-v', 'error', '-i', 'pipe:0', '-c', 'copy', ...times, '-f', 'mpegts', 'pipe:1']
  const { code, stdout, stderr } = await ffmpeg(args, mp4)
  if (code !== 0 || stderr !== '') throw new Error(`What the playlist gave is no good MP4: ${stderr}`)
  return stdout
}
