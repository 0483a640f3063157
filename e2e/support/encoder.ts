import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { FlvReader } from '../../server/flv/reader.ts'
import { TAG_TYPE, type Tag } from '../../server/flv/tag.ts'
import { CHUNK_STREAM, writeMessage } from '../../server/rtmp/chunk-writer.ts'
import { type ClientEvent, RtmpClientSession } from '../../server/rtmp/client-session.ts'
import { MESSAGE } from '../../server/rtmp/messages.ts'
import { ffmpeg } from './media.ts'

/** Makes FLV of FFmpeg's test picture and tone, and reads its tags. */
export async function makeTags(options: string[], seconds = 12): Promise<Tag[]> {
  const sources = ['-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=25', '-f', 'lavfi', '-i', 'sine=440:r=48000']
  const args = ['-v', 'error', ...sources, '-t', `${seconds}`, '-pix_fmt', 'yuv420p', ...options, '-f', 'flv', '-']
  const { code, stdout, stderr } = await ffmpeg(args)
  if (code !== 0) throw new Error(stderr)
  return [...new FlvReader().read(stdout)].map((tag) => ({ ...tag, body: Buffer.from(tag.body) }))
}

/** What x264 and AAC make, with a keyframe every second. */
export const USUAL = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-c:a', 'aac', '-ac', '2']

/** A connection to an RTMP server that publishes whatever a test wants it to. */
export class TestEncoder {
  readonly socket: Socket
  /** What the server said of the stream. */
  readonly told: ClientEvent[] = []
  /** When the connection is closed. */
  readonly closed: Promise<void>
  readonly #session: RtmpClientSession
  #onTold = () => {}

  /** `key` as it is typed into an encoder. */
  constructor(port: number, key: string, app = 'live') {
    this.socket = connect(port, '127.0.0.1')
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()))
    this.socket.on('error', () => {})
    const address = { secure: false, host: '127.0.0.1', port, app, key }
    this.#session = new RtmpClientSession(address, (bytes) => void this.socket.write(bytes))
    this.socket.on('data', (bytes: Buffer) => {
      for (const event of this.#session.receive(bytes)) {
        this.told.push(event)
        this.#onTold()
      }
    })
    onTestFinished(() => void this.socket.destroy())
  }

  /** Resolves when the server has taken the stream, or refused it, with what it said. */
  async answer(): Promise<ClientEvent | null> {
    if (this.told.length === 0) {
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#onTold = resolve
        }),
        this.closed,
      ])
    }
    return this.told[0] ?? null
  }

  /** Sends one tag as a message of its own. */
  send(tag: Tag): void {
    const { type, timestamp, body } = tag
    const chunkStream = type === TAG_TYPE.audio ? CHUNK_STREAM.audio : CHUNK_STREAM.video
    this.message(type === TAG_TYPE.script ? MESSAGE.data : type, body, timestamp, chunkStream)
  }

  /** Sends a message. */
  message(type: number, body: Buffer, timestamp = 0, chunkStream: number = CHUNK_STREAM.data): void {
    const head = { chunkStream, type, stream: this.#session.stream ?? 1, timestamp }
    this.socket.write(Buffer.concat(writeMessage(head, body)))
  }

  /** Publishes tags when their times say, each changed by `change`, until all are sent or the connection is closed. */
  async publish(tags: readonly Tag[], change: (tag: Tag, index: number) => Tag[] = (tag) => [tag]): Promise<void> {
    const event = await this.answer()
    if (event?.kind !== 'published') throw new Error(`It was refused: ${JSON.stringify(event)}`)
    const began = performance.now()
    for (const [index, tag] of tags.entries()) {
      const wait = tag.timestamp - (performance.now() - began)
      if (wait > 0) await delay(wait)
      if (this.socket.destroyed) return
      for (const changed of change({ ...tag, body: Buffer.from(tag.body) }, index)) this.send(changed)
    }
  }

  /** Says that it is through, as encoders do, and closes. */
  async end(): Promise<void> {
    this.#session.end()
    this.socket.end()
    await this.closed
  }

  /** Is gone without a word. */
  async vanish(): Promise<void> {
    const closed = once(this.socket, 'close')
    this.socket.resetAndDestroy()
    await closed
  }
}

/** Reads what a gateway gives over HTTP-FLV until it ends, or `signal` is aborted. */
export async function collectFlv(url: string, signal?: AbortSignal): Promise<Tag[]> {
  const reader = new FlvReader()
  const tags: Tag[] = []
  try {
    const { body } = await fetch(url, signal ? { signal } : {})
    for await (const bytes of body ?? []) {
      for (const tag of reader.read(Buffer.from(bytes))) tags.push({ ...tag, body: Buffer.from(tag.body) })
    }
  } catch (error) {
    if (!signal?.aborted) throw error
  }
  return tags
}
