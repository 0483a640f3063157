import { randomBytes } from 'node:crypto'
import type { GatewayError } from '../../shared/errors.ts'
import type { AudioStatus, StreamSource, TargetStatus, TrackAction, VideoStatus } from '../../shared/status.ts'
import { pictureFormat } from '../flv/avc.ts'
import type { CardFormat } from '../flv/card.ts'
import { type BusTag, GopCache } from '../flv/gop-cache.ts'
import { encodeTag, isPictureKind, kindOf, type Tag, type TagKind } from '../flv/tag.ts'
import { Timeline } from '../flv/timeline.ts'
import { Audience } from './audience.ts'
import { EpochWriter } from './epoch-writer.ts'
import type { BusListener, Layout } from './listener.ts'
import { Pace } from './pace.ts'
import { PictureKeeper } from './picture-keeper.ts'
import { QUEUE_LIMIT_BYTES, Subscription } from './subscription.ts'

/** Where a broadcast comes from: a page, `castgate push`, an encoder at our RTMP server, or one over WebRTC. */
export type Source = StreamSource

/** How far ahead of its time FFmpeg reads a file, in ms: about a second where it begins again. */
const READ_AHEAD_MS = 1_500

/** How often the clock is looked at while silence stands for the sound, in ms. */
const TICK_MS = 250

/** Something that a broadcast is sent to for as long as it lasts. It fails alone. */
export interface Output {
  /** For the API; null for outputs that are not targets. */
  status(): TargetStatus | null
  /** Writes what is still queued, ends cleanly, and resolves when nothing of it is left. Never rejects. */
  close(): Promise<void>
}

/** Who publishes a broadcast, for those who have to stop it. */
export interface Publisher {
  /** The token that let them in, and when it expires, as `Date.now()`; null where none was needed. */
  tokenId: string | null
  expiresAt: number | null
  /** Whether their token asks for a recording. */
  record: boolean
  /** Tells them why, and ends it. */
  stop(reason: GatewayError): Promise<void>
}

/** What an operator can be advised about. */
export type Advice = 'keyframes' | 'large pictures' | 'losses'

/** What an epoch brings. */
export interface EpochInfo {
  epoch: number
  /** Milliseconds since the first epoch began. */
  at: number
  video: VideoStatus | null
  audio: AudioStatus | null
}

/** What a broadcast reports at the turns of its life. */
export interface BroadcastEvents {
  /** The first media arrived: outputs may join. */
  live(broadcast: Broadcast): void
  /** Its source has disconnected, or is back. */
  presence(broadcast: Broadcast): void
  /** Silence stands in for sound that is missing, or the sound is back. */
  sound(broadcast: Broadcast, isFilled: boolean): void
  /** The picture has stood still for a while, or moves again. */
  picture(broadcast: Broadcast, isStill: boolean): void
  /** A listener failed at a tag, or at the end: it gets nothing more, and the rest goes on. */
  fault(broadcast: Broadcast, error: unknown): void
  /** The last output is closed: the name is free again. */
  closed(broadcast: Broadcast): void
}

/**
 * The bus of one stream name. A source writes FLV tags into it, epoch by epoch; outputs subscribe. It outlives sockets,
 * FFmpeg processes and targets, and ends when its publisher says so or is not waited for any longer.
 */
export class Broadcast {
  /** Tells it from others that had, or will have, its name. */
  readonly id = randomBytes(4).toString('hex')
  readonly name: string
  readonly source: Source
  readonly startedAt = new Date()
  readonly #began = performance.now()
  #bytesIn = 0
  #capturedFrom: number | null = null
  readonly #advice = new Map<Advice, string>()
  publisher: Publisher | null = null
  readonly audience = new Audience()
  readonly #events: BroadcastEvents
  readonly #timeline = new Timeline()
  readonly #cache = new GopCache()
  readonly #pictures = new PictureKeeper(
    () => this.#cache.gop(),
    (tag) => this.#insertPicture(tag),
    (isStill) => this.#events.picture(this, isStill),
  )
  readonly #pace = new Pace()
  readonly #listeners = new Set<BusListener>()
  readonly #outputs = new Set<Output>()
  #epoch: EpochInfo | null = null
  /** What is done with the sound that silence stands in for. */
  #filled: TrackAction | null = null
  /** What the last header said of the picture. */
  #format: CardFormat | null = null
  /** The epoch has no picture where others had, and nothing of it has come. */
  #isCameraOff = false
  #ticking: NodeJS.Timeout | undefined
  #layout: Layout = { video: false, audio: false }
  #carried: Layout = { video: false, audio: false }
  #live = false
  #sourcePresent = true
  #ending: Promise<void> | null = null

  constructor(name: string, source: Source, events: BroadcastEvents) {
    this.name = name
    this.source = source
    this.#events = events
  }

  /** What each of its log lines has. */
  get logFields(): { stream: string; broadcast: string } {
    return { stream: this.name, broadcast: this.id }
  }

  get state(): 'live' | 'waiting' {
    return this.#live && this.#sourcePresent && this.#ending === null ? 'live' : 'waiting'
  }

  /** Whether its source is connected. */
  get sourcePresent(): boolean {
    return this.#sourcePresent
  }

  set sourcePresent(present: boolean) {
    if (present === this.#sourcePresent) return
    this.#sourcePresent = present
    this.#events.presence(this)
  }

  /** Whether it was ever live. */
  get wasLive(): boolean {
    return this.#live
  }

  get epoch(): EpochInfo | null {
    return this.#epoch
  }

  /** Whether an output that joins now gets something. */
  get hasMedia(): boolean {
    return this.#live && this.#ending === null
  }

  /** What any of its epochs had. */
  get layout(): Layout {
    return this.#layout
  }

  /** What there is on the bus now: a picture that it had once it keeps. */
  get carried(): Layout {
    return this.#carried
  }

  targets(): TargetStatus[] {
    return [...this.#outputs].flatMap((output) => output.status() ?? [])
  }

  /** How long it has lasted, in ms: clocks are set, and this goes on. */
  get ageMs(): number {
    return performance.now() - this.#began
  }

  /** How much later than usual its newest frame came, or would come now, in ms. */
  behindMs(): number {
    return this.#pace.behindMs(performance.now())
  }

  /** What is to be changed at the encoder, as a sentence for its operator; null for nothing. */
  get advice(): string | null {
    return [...this.#advice.values()][0] ?? null
  }

  /** Says what is to be changed at the encoder, or, with null, that nothing is any more. */
  advise(about: Advice, words: string | null): void {
    if (words === null) this.#advice.delete(about)
    else this.#advice.set(about, words)
  }

  /** Bytes of media received. */
  get bytesIn(): number {
    return this.#bytesIn
  }

  /** Media was received. */
  countIn(bytes: number): void {
    this.#bytesIn += bytes
  }

  /** When its time 0 was captured, in ms since 1970, as near as its publisher says; null where it says nothing. */
  get capturedFrom(): number | null {
    return this.#capturedFrom
  }

  /** Its publisher says now that something is being captured at `at`, in ms from its time 0. */
  captures(at: number): void {
    const from = Date.now() - at - (this.source === 'file' ? READ_AHEAD_MS : 0)
    this.#capturedFrom = Math.min(this.#capturedFrom ?? Number.POSITIVE_INFINITY, from)
  }

  /** The current epoch has sound from now on, and had none. Its writer is to be told. */
  gainSound(audio: AudioStatus): void {
    if (this.#epoch) this.#epoch.audio = { ...audio }
    this.#layout = { ...this.#layout, audio: true }
    this.#carried = { ...this.#carried, audio: true }
  }

  /**
   * Begins an epoch. Its tags go into the writer, with times of their own (`anew`), or those of the epoch before it, which it goes on with other tracks
   * (`on`).
   */
  beginEpoch(info: EpochInfo, times: 'anew' | 'on' = 'anew'): EpochWriter {
    this.#epoch = { ...info, audio: info.audio && { ...info.audio } }
    this.#layout = {
      video: this.#layout.video || info.video !== null,
      audio: this.#layout.audio || info.audio !== null,
    }
    this.#carried = { video: this.#carried.video || info.video !== null, audio: info.audio !== null }
    if (times === 'anew') this.#timeline.beginEpoch(info.at)
    this.#isCameraOff = info.video === null && this.#format !== null
    const writer = new EpochWriter(
      (tag) => this.#publish(tag),
      info.audio?.action === 'silence',
      (isFilling) => this.#filling(info, isFilling),
    )
    clearInterval(this.#ticking)
    if (info.audio?.action === 'silence')
      this.#ticking = setInterval(() => {
        if (this.#sourcePresent) writer.tick(performance.now())
      }, TICK_MS).unref()
    return writer
  }

  /** Tells that silence stands in for the sound of an epoch, or that the sound is back. */
  #filling({ epoch }: EpochInfo, isFilling: boolean): void {
    const audio = this.#epoch?.epoch === epoch ? this.#epoch.audio : null
    if (audio && isFilling) {
      this.#filled = audio.action
      audio.action = 'silence'
    } else if (audio && this.#filled) audio.action = this.#filled
    this.#events.sound(this, isFilling)
  }

  /** What someone who joins needs: the headers, and everything since the last keyframe. */
  joining(): BusTag[] {
    return [...this.#cache.headers(), ...this.#cache.gop()]
  }

  /** The headers, for someone who goes on after missing something. */
  headers(): BusTag[] {
    return this.#cache.headers()
  }

  /** Joins the bus: `listener` gets {@link joining} at once, and then what comes. */
  listen(listener: BusListener): void {
    this.#listeners.add(listener)
    for (const tag of this.joining()) {
      if (this.#listeners.has(listener)) this.#tell(listener, () => listener.push(tag, this.#carried))
    }
    if (this.#ending === null) return
    this.#listeners.delete(listener)
    this.#tell(listener, () => listener.end())
  }

  /** Joins the bus with a queue of at most `limitBytes`, for someone who takes tags at a pace of their own. */
  subscribe(limitBytes = QUEUE_LIMIT_BYTES): Subscription {
    const subscription = new Subscription(() => this.headers(), limitBytes)
    this.listen(subscription)
    return subscription
  }

  unsubscribe(subscription: Subscription): void {
    this.unlisten(subscription)
    subscription.end()
  }

  /** `listener` gets nothing more. */
  unlisten(listener: BusListener): void {
    this.#listeners.delete(listener)
  }

  /** Bytes that wait for outputs. */
  queuedBytes(): number {
    let bytes = 0
    for (const listener of this.#listeners) if (listener instanceof Subscription) bytes += listener.queuedBytes
    return bytes
  }

  addOutput(output: Output): void {
    this.#outputs.add(output)
  }

  /** Closes an output while the broadcast goes on. */
  async removeOutput(output: Output): Promise<void> {
    if (this.#outputs.delete(output)) await output.close()
  }

  /** Ends the broadcast: outputs get what is queued and close. Resolves when nothing of it is left; idempotent. */
  end(): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    clearInterval(this.#ticking)
    for (const listener of this.#listeners) this.#tell(listener, () => listener.end())
    this.#listeners.clear()
    await Promise.all([...this.#outputs].map((output) => output.close()))
    this.#events.closed(this)
    this.#outputs.clear()
  }

  #publish(tag: Tag): void {
    if (this.#ending !== null) return
    const kind = kindOf(tag)
    const now = performance.now()
    const timestamp = kind === 'metadata' ? 0 : this.#timeline.place(tag, now)
    if (kind !== 'metadata') this.#pace.note(timestamp, now)
    if (this.#isCameraOff && kind === 'audio' && this.#format) {
      this.#isCameraOff = false
      this.#pictures.turnOff(this.#format, timestamp, now)
    }
    if (isPictureKind(kind)) this.#pictures.sawPicture(timestamp, now)
    this.#emit({ ...tag, timestamp }, kind)
    if (kind === 'audio') this.#pictures.sawSound(timestamp, now)
  }

  /** A picture that is none of the source's, at a time of the bus. */
  #insertPicture(tag: Tag): void {
    this.#timeline.insertPicture(tag.timestamp)
    this.#emit(tag, kindOf(tag))
  }

  /** Gives a tag with a time of the bus to all who listen. */
  #emit(tag: Tag, kind: TagKind): void {
    const busTag: BusTag = { kind, timestamp: tag.timestamp, bytes: encodeTag(tag) }
    if (kind === 'video-header') this.#sawPicture(tag)
    this.#cache.add(busTag)
    for (const listener of this.#listeners) this.#tell(listener, () => listener.push(busTag, this.#carried))
    if (!this.#live && (kind === 'keyframe' || (kind === 'audio' && !this.#carried.video))) {
      this.#live = true
      this.#events.live(this)
    }
  }

  /** Publishers and other listeners do not feel one that fails. */
  #tell(listener: BusListener, what: () => void): void {
    try {
      what()
    } catch (error) {
      this.#listeners.delete(listener)
      this.#events.fault(this, error)
    }
  }

  #sawPicture(header: Tag): void {
    const format = pictureFormat(header)
    if (format === null) return
    this.#format = format
    const video = this.#epoch?.video
    if (video) Object.assign(video, { width: format.width, height: format.height })
  }
}
