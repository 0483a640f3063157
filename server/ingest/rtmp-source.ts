import type { Logger } from 'pino'
import { GatewayError } from '../../shared/errors.ts'
import type { Capacity } from '../access/capacity.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { EpochWriter } from '../broadcast/epoch-writer.ts'
import { planCodecs } from '../ffmpeg/codecs.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { fits, type PictureSize } from '../ffmpeg/picture-size.ts'
import type { FfmpegExit } from '../ffmpeg/run.ts'
import { plainTag, readMedia } from '../flv/media.ts'
import { SteadyTimes, type TrackName } from '../flv/steady-times.ts'
import { TAG_TYPE, type Tag } from '../flv/tag.ts'
import type { Turns } from '../process/turns.ts'
import type { AmfObject } from '../rtmp/amf.ts'
import { metadataBody } from '../rtmp/server-session.ts'
import { type EncoderTrack, type EncoderTracks, isNative, needsHeader, tracksOf } from './encoder-codecs.ts'
import { EncoderHeaders, ownPiece, type Piece } from './encoder-headers.ts'
import { EncoderMetadata } from './encoder-metadata.ts'
import { EncoderTranscoder } from './encoder-transcoder.ts'
import { KeyframeWatch } from './keyframe-watch.ts'
import { Recent } from './recent.ts'
import { deadly, tooLarge, unreadable } from './refusals.ts'

/** How long a second track is waited for: where the encoder has announced it, and where it has said nothing. */
const WAIT_MS = { announced: 3_000, unknown: 1_000 }
/** What may wait meanwhile. */
const MAX_WAITING_BYTES = 20 * 1024 * 1024
const MAX_WAITING_TAGS = 2_000
/** How often FFmpeg may be lost in a minute before the encoder is refused. */
const MAX_LOSSES = 5
/** And how often the tracks may change. */
const MAX_CHANGES = 10
const MINUTE_MS = 60_000
/** How often it is said that times jump, in ms. */
const SAY_JUMP_MS = 60_000

/** What putting an encoder on the bus needs of the gateway. */
export interface RtmpSourceOptions {
  ffmpegs: Ffmpegs
  turns: Turns
  capacity: Capacity
  /** Largest picture that is taken. */
  mostPicture: PictureSize
  log: Logger
  /** What the encoder sends is not taken: it is told why. */
  onRefused(error: GatewayError): void
}

/** It is found out which tracks there are. */
interface Looking {
  kind: 'looking'
  /** When the first frame came, on the monotonic clock. */
  since: number | null
  waiting: Piece[]
  bytes: number
}

type State =
  | Looking
  | { kind: 'native'; tracks: EncoderTracks; writer: EpochWriter }
  | { kind: 'transcoded'; tracks: EncoderTracks; transcoder: EncoderTranscoder }
  | { kind: 'over' }

/**
 * Puts on the bus what an encoder publishes over RTMP. Its tracks are learned as they come: one that comes late, changes its codec or its colours is taken
 * from its next keyframe on. H.264 and AAC go as they are; where there is anything else, an FFmpeg makes them of it.
 */
export class RtmpSource {
  readonly #broadcast: Broadcast
  readonly #options: RtmpSourceOptions
  readonly #losses = new Recent(MINUTE_MS)
  readonly #changes = new Recent(MINUTE_MS)
  #epochs = 0
  /** Whether the epoch before went on as it came: then the times of the next one, if it does so as well, are the same. */
  #wasCopied = false
  #times: SteadyTimes
  #state: State = looking()
  readonly #headers = new EncoderHeaders()
  readonly #keyframes: KeyframeWatch
  #said = new EncoderMetadata()
  #lacksHeader = false
  #saidJumpAt = Number.NEGATIVE_INFINITY

  constructor(broadcast: Broadcast, options: RtmpSourceOptions) {
    this.#broadcast = broadcast
    this.#options = options
    this.#keyframes = new KeyframeWatch(broadcast, options.log)
    this.#times = this.#newTimes()
  }

  /** Takes a picture or a piece of sound; where that gives a promise, nothing more is to come before it resolves. */
  tag(tag: Tag): Promise<void> | undefined {
    this.#broadcast.countIn(tag.body.length)
    const media = readMedia(tag)
    if (media === null || media.kind === 'other' || media.kind === 'end' || this.#state.kind === 'over')
      return undefined
    if (media.kind === 'header') {
      this.#headers.take({ tag, media })
      return undefined
    }
    const timestamp = this.#times.place(media.track, tag.timestamp, performance.now())
    return this.#take({ tag: plainTag({ ...tag, timestamp }, media), media })
  }

  /** What the encoder says of its media. */
  metadata(values: AmfObject): void {
    this.#said = new EncoderMetadata(values)
  }

  /** Another connection of the encoder feeds it from now on: its times, and maybe its tracks, begin anew. */
  async anew(): Promise<void> {
    const left = this.#leave(looking())
    if (left.kind === 'transcoded') await left.transcoder.close()
    this.#headers.clear()
    this.#said = new EncoderMetadata()
    this.#times = this.#newTimes()
    this.#wasCopied = false
  }

  /** Nothing more comes: what FFmpeg has is written. */
  async end(): Promise<void> {
    const left = this.#leave({ kind: 'over' })
    if (left.kind === 'transcoded') await left.transcoder.close()
  }

  /** Enters another state; gives the one before. */
  #leave(next: State): State {
    const left = this.#state
    this.#state = next
    return left
  }

  #newTimes(): SteadyTimes {
    return new SteadyTimes((ms) => {
      const now = performance.now()
      if (now - this.#saidJumpAt < SAY_JUMP_MS) return
      this.#saidJumpAt = now
      this.#options.log.warn(
        { seconds: Math.round(ms / 1000) },
        'the times of the encoder jump: they go on without that',
      )
    })
  }

  #take(piece: Piece): Promise<void> | undefined {
    const { media } = piece
    if (needsHeader(media) && this.#headers.of(media.track)?.media.codec !== media.codec) {
      if (!this.#lacksHeader)
        this.#options.log.warn({ codec: media.codec }, 'the encoder sends no header, and is not understood')
      this.#lacksHeader = true
      return undefined
    }
    if (media.track === 'video') this.#keyframes.saw(media.kind)
    const state = this.#state
    switch (state.kind) {
      case 'looking':
        return this.#look(state, piece)
      case 'native':
        return this.#writeNative(state, piece)
      case 'transcoded':
        if (!this.#isKnown(state.tracks, piece)) return this.#lookAgain(piece)
        return this.#transcode(state.transcoder, piece)
      case 'over':
        return undefined
    }
  }

  #writeNative(state: Extract<State, { kind: 'native' }>, piece: Piece): Promise<void> | undefined {
    const { tracks, writer } = state
    const { track, codec } = piece.media
    if (track === 'audio' && tracks.audio === null && codec === 'aac') {
      // Sound that comes late takes the place of the silence; the picture does not notice.
      tracks.audio = this.#trackOf(piece)
      this.#broadcast.gainSound({ codec: 'aac', action: 'copy' })
      writer.gainSound()
      this.#options.log.info('the encoder has sound now')
    }
    if (!this.#isKnown(tracks, piece)) return this.#lookAgain(piece)
    const { timestamp } = piece.tag
    const header = this.#headers.next(track)
    if (header) writer.write({ ...header.tag, timestamp })
    writer.write(piece.tag)
    return undefined
  }

  /** Whether what goes on now is for a piece like this one. */
  #isKnown(tracks: EncoderTracks, { media }: Piece): boolean {
    const known = tracks[media.track]
    if (known === null || known.codec !== media.codec || known.isEnhanced !== media.isEnhanced) return false
    const header = this.#headers.of(media.track)
    if (header === null || !this.#headers.isNew(media.track)) return true
    // A header that changes what has to be done with it.
    const changed = { ...tracks, [media.track]: { ...known, config: header.media.data } }
    return isNative(changed) === isNative(tracks)
  }

  #lookAgain(piece: Piece): Promise<void> | undefined {
    // A picture begins with a keyframe.
    if (piece.media.track === 'video' && piece.media.kind !== 'keyframe') return undefined
    if (this.#changes.note() > MAX_CHANGES) {
      this.#options.onRefused(new GatewayError('unsupported_media', 'The encoder changes its tracks again and again.'))
      return undefined
    }
    const left = this.#leave(looking())
    this.#options.log.info({ codec: piece.media.codec }, 'the encoder has other tracks now')
    if (left.kind !== 'transcoded') return this.#take(piece)
    const own = ownPiece(piece)
    return left.transcoder.close().then(() => this.#take(own))
  }

  #look(state: Looking, piece: Piece): Promise<void> | undefined {
    const { media, tag } = piece
    // Pictures before the first keyframe show nothing.
    const hasKeyframe = state.waiting.some((each) => each.media.kind === 'keyframe')
    if (media.track === 'video' && media.kind !== 'keyframe' && !hasKeyframe) return undefined
    state.waiting.push(ownPiece(piece))
    state.bytes += tag.body.length
    const now = performance.now()
    state.since ??= now
    const found = { video: hasKeyframe || media.kind === 'keyframe', audio: this.#hasSound(state) }
    const isFull = state.bytes > MAX_WAITING_BYTES || state.waiting.length > MAX_WAITING_TAGS
    if (!isFull && !(found.video && found.audio) && now - state.since < this.#waitFor(found)) return undefined
    return this.#begin(state)
  }

  #hasSound({ waiting }: Looking): boolean {
    return waiting.some(({ media }) => media.track === 'audio')
  }

  /** How long the track is waited for that is not there. */
  #waitFor(found: { video: boolean; audio: boolean }): number {
    const track = found.video ? 'audio' : 'video'
    const isAnnounced = this.#said.announces(track)
    if (isAnnounced || this.#headers.of(track)) return WAIT_MS.announced
    return isAnnounced === null ? WAIT_MS.unknown : 0
  }

  /** Begins an epoch with the tracks that there are. */
  async #begin({ waiting }: Looking): Promise<void> {
    const first = (track: TrackName) => waiting.find(({ media }) => media.track === track)
    const [video, audio] = [first('video'), first('audio') ?? this.#announcedSound()]
    const tracks = { video: video ? this.#trackOf(video) : null, audio: audio ? this.#trackOf(audio) : null }
    const base = waiting[0]?.tag.timestamp ?? 0
    try {
      const isGoingOn = await this.#enter(tracks, base)
      if (!isGoingOn) return
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      this.#state = { kind: 'over' }
      return this.#options.onRefused(error)
    }
    this.#headers.renew()
    for (const piece of waiting) await this.#take(piece)
  }

  /** Sound that was announced, of which nothing has come: silence stands in for it until it comes. */
  #announcedSound(): Piece | undefined {
    const header = this.#headers.of('audio')
    return header?.media.codec === 'aac' ? header : undefined
  }

  /** Enters the state for `tracks`; false where it was left meanwhile. @throws GatewayError for what is not taken */
  async #enter(tracks: EncoderTracks, base: number): Promise<boolean> {
    const { capacity, mostPicture, log, ffmpegs, turns } = this.#options
    const given = tracksOf(tracks)
    if (given.video && !fits(given.video, mostPicture))
      throw tooLarge(`${given.video.width}×${given.video.height}`, mostPicture)
    const { frameRate } = this.#said
    const plan = planCodecs(given, frameRate === null ? {} : { frameRate })
    const isCopied = isNative(tracks)
    const times = isCopied && this.#wasCopied ? 'on' : 'anew'
    this.#wasCopied = isCopied
    if (!isCopied && plan.video?.action === 'transcode') capacity.admitTranscode(given.video)
    log.info({ video: tracks.video?.codec ?? null, audio: tracks.audio?.codec ?? null, isCopied }, 'encoder sends')
    const epoch = this.#epochs++
    const at = epoch === 0 ? 0 : this.#broadcast.ageMs
    const state = this.#state
    const writer = this.#broadcast.beginEpoch({ epoch, at, video: plan.video, audio: plan.audio }, times)
    if (isCopied) {
      writer.write({ type: TAG_TYPE.script, timestamp: base, body: metadataBody(this.#said.toTell(tracks)) })
      this.#state = { kind: 'native', tracks, writer }
      return true
    }
    let hasGiven = false
    const transcoder: EncoderTranscoder = await EncoderTranscoder.start(
      tracks,
      { tracks: given, codecOptions: plan.outputOptions },
      base,
      {
        ...{ ffmpegs, turns, mostPicture, stream: this.#broadcast.name },
        onTag: (tag) => {
          hasGiven = true
          writer.write(tag)
        },
        onLost: (exit) => this.#lost(transcoder, exit, hasGiven),
      },
    )
    // It may have ended, or begun anew, while FFmpeg was started.
    if (this.#state !== state) {
      await transcoder.close()
      return false
    }
    this.#state = { kind: 'transcoded', tracks, transcoder }
    return true
  }

  /** `hasGiven`: whether anything came out of it. */
  #lost(transcoder: EncoderTranscoder, exit: FfmpegExit, hasGiven: boolean): void {
    if (this.#state.kind !== 'transcoded' || this.#state.transcoder !== transcoder) return
    // One that was killed is worth another try; one that gave up on the first frames would give up again.
    if (!hasGiven && exit.kind === 'exited') {
      this.#state = { kind: 'over' }
      return this.#options.onRefused(unreadable(exit))
    }
    this.#options.log.warn({ reason: exit.message }, 'FFmpeg was lost: another one goes on with what the encoder sends')
    this.#state = looking()
    const losses = this.#losses.note()
    if (losses < MAX_LOSSES) return
    this.#state = { kind: 'over' }
    this.#options.onRefused(deadly(losses, exit))
  }

  /** Gives a transcoder a piece, and before it the header that it needs. */
  #transcode(transcoder: EncoderTranscoder, { media, tag }: Piece): Promise<void> | undefined {
    const header = this.#headers.next(media.track)
    if (header) void transcoder.write({ ...header.tag, timestamp: tag.timestamp }, header.media)
    return transcoder.write(tag, media)
  }

  #trackOf({ media: { track, codec, isEnhanced } }: Piece): EncoderTrack {
    const header = this.#headers.of(track)?.media
    return { codec, isEnhanced, config: header?.codec === codec ? header.data : null, ...this.#said.size }
  }
}

function looking(): Looking {
  return { kind: 'looking', since: null, waiting: [], bytes: 0 }
}
