import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type ClientOptions, WebSocket } from 'ws'
import { SUBPROTOCOL } from '../../shared/limits.ts'
import { parseServerMessage, type ServerMessage } from '../../shared/messages.ts'
import { Sender } from '../../shared/sender.ts'
import type { PlaybackLinks } from '../../shared/status.ts'

/** A recording with the sizes and times of its blobs. */
export interface Recording {
  name: string
  bytes: Buffer
  blobs: { at: number; bytes: Buffer }[]
}

/** A recording of `seconds` that was made elsewhere, in blobs as a recorder would give them. */
export function inBlobs(name: string, bytes: Buffer, seconds: number): Recording {
  const size = 16_384
  const count = Math.ceil(bytes.length / size)
  const blobs = Array.from({ length: count }, (_, index) => ({
    at: (index * seconds * 1000) / count,
    bytes: bytes.subarray(index * size, (index + 1) * size),
  }))
  return { name, bytes, blobs }
}

/** Where publishers reach `gateway` as `name`. */
export function ingestUrl({ url }: { url: string }, name: string): string {
  return `${url.replace('http', 'ws')}/ingest/${name}`
}

/** Path of a recording in `e2e/media`. */
export function mediaPath(name: string): string {
  return new URL(`../media/${name}`, import.meta.url).pathname
}

/** Reads a recording, and the list `[ms, bytes]` of its blobs. */
export async function readRecording(name: string): Promise<Recording> {
  const bytes = await readFile(mediaPath(name))
  const list = JSON.parse(await readFile(mediaPath(`${name}.chunks.json`), 'utf8')) as [number, number][]
  let offset = 0
  const blobs = list.map(([at, size]) => {
    const blob = { at, bytes: bytes.subarray(offset, offset + size) }
    offset += size
    return blob
  })
  return { name, bytes, blobs }
}

/** What a recorder calls each recording. */
export const MIME_TYPES: Record<string, string> = {
  'chrome-h264.webm': 'video/x-matroska;codecs=avc1.420020,opus',
  'chrome-h264-resize.webm': 'video/x-matroska;codecs=avc1.420020,opus',
  'chrome-h264.mp4': 'video/mp4;codecs=avc1.42E01F,opus',
  'chrome-vp8.webm': 'video/webm;codecs=vp8,opus',
  'chrome-vp9.webm': 'video/webm;codecs=vp9,opus',
  'chrome-av1.webm': 'video/webm;codecs=av01.0.01M.08,opus',
  'chrome-silent.webm': 'video/x-matroska;codecs=avc1.42E01F',
  'chrome-audio-only.webm': 'audio/webm;codecs=opus',
  'firefox-vp8.webm': 'video/webm;codecs=vp8,opus',
  'synthetic-h264-aac.mp4': 'video/mp4;codecs=avc1.640020,mp4a.40.2',
}

/** How a socket closed, and the error before it. */
export interface Closed {
  code: number
  error: string | null
  message: string | null
}

/** A socket to `/ingest/NAME` that a test drives by hand. */
export class TestSocket {
  readonly messages: ServerMessage[] = []
  readonly closed: Promise<Closed>
  readonly #socket: WebSocket
  readonly #opened: Promise<void>
  #arrived: (() => void)[] = []

  constructor(url: string, protocols: string[] = [SUBPROTOCOL], options: ClientOptions = {}) {
    const socket = new WebSocket(url, protocols, options)
    this.#socket = socket
    this.#opened = new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    this.#opened.catch(() => {})
    socket.on('message', (data) => {
      const message = parseServerMessage(String(data))
      if (message) this.messages.push(message)
      for (const wake of this.#arrived.splice(0)) wake()
    })
    this.closed = new Promise((resolve) => {
      socket.once('close', (code) => {
        const last = this.messages.findLast((message) => message.type === 'error')
        resolve({ code, error: last?.code ?? null, message: last?.message ?? null })
        for (const wake of this.#arrived.splice(0)) wake()
      })
    })
  }

  async opened(): Promise<this> {
    await this.#opened
    return this
  }

  send(frame: string | Uint8Array | object): void {
    const isFrame = typeof frame === 'string' || frame instanceof Uint8Array
    this.#socket.send(isFrame ? frame : JSON.stringify(frame))
  }

  /** The next message of this type, or the one that has come already. */
  async message<T extends ServerMessage['type']>(type: T): Promise<Extract<ServerMessage, { type: T }>> {
    for (;;) {
      const found = this.messages.find((message) => message.type === type)
      if (found) return found as Extract<ServerMessage, { type: T }>
      await this.next()
    }
  }

  /** Resolves at the next message. @throws Error where the socket closes first */
  async next(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) {
      throw new Error(`The socket closed: ${JSON.stringify(await this.closed)}`)
    }
    await new Promise<void>((resolve) => this.#arrived.push(resolve))
  }

  /** Cuts the connection without a word. */
  cut(): void {
    this.#socket.terminate()
  }
}

/** How a recording is sent. */
export interface PublishOptions {
  mimeType?: string
  /** `live`: each blob at its time; `fast`: all at once. */
  pace?: 'live' | 'fast'
  /** Called when the server took the stream. */
  onWelcome?: (playback: PlaybackLinks) => void
  /** Where the gateway asks for one. */
  token?: string
  /** A certificate to trust. */
  ca?: string
}

/** Sends a whole recording as a page would, and resolves when the server has everything. */
export async function publish(url: string, recording: Recording, options: PublishOptions = {}): Promise<void> {
  const { token, ca } = options
  const socket = await new TestSocket(url, undefined, ca === undefined ? {} : { ca }).opened()
  socket.send({ type: 'hello', session: null, ...(token !== undefined && { token }) })
  const welcome = await socket.message('welcome')
  options.onWelcome?.(welcome.playback)
  const sender = new Sender()
  sender.welcome(welcome.next, welcome.limits)
  sender.startEpoch({ at: 0, mimeType: options.mimeType ?? MIME_TYPES[recording.name] ?? 'video/webm' })
  const flush = () => {
    for (const frame of sender.take()) socket.send(frame)
  }
  const began = performance.now()
  for (const blob of recording.blobs) {
    // The recording has times of its own, as a page's recorder has.
    if (options.pace !== 'fast') await delay(Math.max(0, blob.at - (performance.now() - began)))
    sender.push(blob.bytes)
    flush()
  }
  sender.end()
  flush()
  for (let seen = 0; ; ) {
    const acks = socket.messages.filter((message) => message.type === 'ack')
    if (acks.length > seen) {
      sender.ack(acks.at(-1)?.next ?? 0)
      seen = acks.length
      flush()
    }
    if (socket.messages.some((message) => message.type === 'ended')) break
    await socket.next()
  }
  const { code, error } = await socket.closed
  if (code !== 1000) throw new Error(`The socket closed with ${code} ${error}.`)
}
