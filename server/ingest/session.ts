import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import { GatewayError } from '../../shared/errors.ts'
import { CHUNK_BYTES, WINDOW_BYTES } from '../../shared/limits.ts'
import type { EpochStart } from '../../shared/messages.ts'
import type { PlaybackLinks, StreamStatus } from '../../shared/status.ts'
import type { Access, Grant } from '../access/access.ts'
import type { Capacity } from '../access/capacity.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import type { PictureSize } from '../ffmpeg/picture-size.ts'
import type { FfmpegExit } from '../ffmpeg/run.ts'
import { describe } from '../ffmpeg/run.ts'
import type { Turns } from '../process/turns.ts'
import type { Incoming } from './connection.ts'
import { holdToGrant } from './grant.ts'
import type { PublisherLink } from './publisher-link.ts'
import { Recent } from './recent.ts'
import { RecordingEpoch } from './recording-epoch.ts'

const STATUS_INTERVAL_MS = 1_000
const MINUTE_MS = 60_000
/** Times that FFmpeg may be lost in a minute, before the recording is refused. */
const LOSSES_ALLOWED = 3
/** Recordings that may begin in a minute, or go on behind a jump: each costs an FFmpeg. */
const BEGINNINGS_ALLOWED = 60

/** What a session needs of the gateway. */
export interface SessionContext {
  access: Access
  ffmpegs: Ffmpegs
  capacity: Capacity
  /** Largest picture that is taken. */
  mostPicture: PictureSize
  turns: Turns
  resumeSeconds: number
  log: Logger
  /** The links of the stream, as the publisher reaches this server. */
  playback: PlaybackLinks
  statusOf(broadcast: Broadcast, playback: PlaybackLinks): StreamStatus
  /** FFmpeg took a chunk, so many seconds after it came. */
  onChunkTaken(seconds: number): void
  /** An FFmpeg that read the recording was lost. */
  onFfmpegLost(): void
  /** The session is over. */
  onClosed(session: IngestSession): void
}

/**
 * A publisher's session: it outlives its sockets, and holds what must survive them: the broadcast, the epoch that runs, and
 * the number of the next chunk.
 */
export class IngestSession {
  readonly id = randomUUID()
  readonly broadcast: Broadcast
  readonly #context: SessionContext
  readonly #log: Logger
  #connection: PublisherLink | null = null
  #epoch: RecordingEpoch | null = null
  /** The first sequence number that the server does not have. */
  #next = 0
  /** Handles one message after the other, whichever socket brought them. */
  #work: Promise<void> = Promise.resolve()
  /** Whether there ever was an epoch. */
  #hasBegun = false
  #resumeTimer: NodeJS.Timeout | null = null
  readonly #losses = new Recent(MINUTE_MS)
  readonly #beginnings = new Recent(MINUTE_MS)
  /** Lets go of what the publisher was granted. */
  #release = () => {}
  #closing: Promise<void> | null = null

  constructor(broadcast: Broadcast, context: SessionContext) {
    this.broadcast = broadcast
    this.#context = context
    this.#log = context.log.child(broadcast.logFields)
    this.#log.info({ source: broadcast.source }, 'broadcast began')
  }

  /**
   * Serves a socket until it closes: says what the session has, then takes what comes. An older socket is closed. `grant` is what its
   * token allows: from now on that counts.
   * @throws GatewayError where the publisher breaks the protocol or sends what cannot be used: the session is over then
   */
  async serve(connection: PublisherLink, grant: Grant, messages: AsyncIterable<Incoming>): Promise<void> {
    this.#attach(connection)
    this.#hold(grant)
    const status = setInterval(() => connection.send({ type: 'status', ...this.#status() }), STATUS_INTERVAL_MS)
    try {
      for await (const message of messages) {
        await this.#context.turns.next()
        this.#work = this.#work.then(() => this.#handle(message, connection))
        await this.#work
      }
    } catch (error) {
      if (this.#connection === connection) {
        this.#connection = null
        const { code, message } = error instanceof GatewayError ? error : { code: 'internal', message: String(error) }
        this.#log.warn({ code, reason: message }, 'broadcast refused')
        void this.close()
      }
      throw error
    } finally {
      clearInterval(status)
      if (this.#connection === connection) this.#detach()
    }
  }

  /** Ends the session and its broadcast: what has arrived is written first. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Tells the publisher why the session ends, and ends it. */
  async shutDown(reason: GatewayError): Promise<void> {
    const connection = this.#connection
    this.#connection = null
    connection?.fail(reason)
    await this.close()
  }

  #attach(connection: PublisherLink): void {
    if (this.#closing) throw new GatewayError('no_session', 'This broadcast has ended. Start a new one.')
    const older = this.#connection
    this.#connection = connection
    older?.fail(new GatewayError('taken_over', 'The broadcast goes on over another connection.'))
    if (this.#resumeTimer) {
      clearTimeout(this.#resumeTimer)
      this.#resumeTimer = null
      this.#log.info({ next: this.#next }, 'publisher is back')
    }
    this.broadcast.sourcePresent = true
    connection.send({
      type: 'welcome',
      session: this.id,
      next: this.#next,
      epoch: this.broadcast.epoch?.epoch ?? this.#epoch?.number ?? null,
      limits: { chunkBytes: CHUNK_BYTES, resumeSeconds: this.#context.resumeSeconds, windowBytes: WINDOW_BYTES },
      playback: this.#context.playback,
    })
    // It was lost while nobody was there to be told.
    if (this.#epoch?.isLost) this.#askForEpoch()
  }

  /** From now on, the broadcast lasts as long as `grant` does. */
  #hold(grant: Grant): void {
    this.#release()
    this.#release = holdToGrant(this.broadcast, grant, this.#context.access, (reason) => {
      this.#log.warn({ code: reason.code, reason: reason.message }, 'broadcast stopped')
      return this.shutDown(reason)
    })
  }

  #detach(): void {
    this.#connection = null
    if (this.#closing) return
    // There is nothing to go on with, and its publisher may want the name again.
    if (!this.#hasBegun) {
      this.#log.info('publisher disconnected before its first epoch')
      void this.close()
      return
    }
    this.broadcast.sourcePresent = false
    this.#log.info({ seconds: this.#context.resumeSeconds }, 'publisher is gone, waiting for it')
    this.#resumeTimer = setTimeout(() => {
      this.#log.info('publisher did not come back')
      void this.close()
    }, this.#context.resumeSeconds * 1000)
  }

  async #handle(message: Incoming, connection: PublisherLink): Promise<void> {
    // A message of a socket that was taken over while it waited: the new socket brings it again.
    if (this.#connection !== connection) return
    switch (message.type) {
      case 'ping':
        connection.send({ type: 'pong' })
        return
      case 'epoch':
        await this.#beginEpoch(message)
        return
      case 'chunk': {
        if (message.epoch !== this.#epoch?.number) {
          throw new GatewayError('bad_message', `Chunk ${message.sequence} belongs to an epoch that has not begun.`)
        }
        if (message.sequence !== this.#next) {
          throw new GatewayError('bad_message', `Chunk ${this.#next} comes next, not chunk ${message.sequence}.`)
        }
        this.#next++
        this.broadcast.countIn(message.payload.byteLength)
        await this.#epoch.write(message.payload)
        this.#context.onChunkTaken((performance.now() - message.receivedAt) / 1000)
        this.#connection?.send({ type: 'ack', next: this.#next })
        return
      }
      case 'end': {
        await this.#endEpoch()
        await this.close()
        connection.finish()
      }
    }
  }

  async #beginEpoch(start: EpochStart): Promise<void> {
    const current = this.#epoch?.number ?? -1
    // After a resume it is sent again, in case the server does not have it.
    if (start.epoch === current) return
    if (start.epoch < current) throw new GatewayError('bad_message', `Epoch ${start.epoch} is over.`)
    this.#noteBeginning()
    await this.#endEpoch()
    this.#epoch = new RecordingEpoch(start, this.broadcast, this.#context, {
      lostTooOften: () => this.#noteLoss(),
      onRecovering: (exit) =>
        this.#log.warn({ reason: exit.message, exit: describe(exit) }, 'FFmpeg was lost, another one goes on'),
      onLost: (exit) => this.#lost(exit),
      onUnreadable: (error, exit) => {
        const why = exit && { exit: describe(exit), ffmpeg: exit.message }
        this.#log.warn({ code: error.code, reason: error.message, ...why }, 'broadcast refused')
        void this.shutDown(error)
      },
      onJump: (reason) => {
        this.#log.warn({ reason }, 'the recording has a gap, and another FFmpeg goes on behind it')
        this.#noteBeginning()
      },
    })
    this.#hasBegun = true
    this.#log.info({ epoch: start.epoch, mimeType: start.mimeType }, 'epoch began')
  }

  async #endEpoch(): Promise<void> {
    await this.#epoch?.end()
    this.#epoch = null
  }

  /** Notes that FFmpeg was lost. One loss is an accident; one after the other comes from the recording. */
  #noteLoss(): number | null {
    this.#context.onFfmpegLost()
    const losses = this.#losses.note()
    return losses > LOSSES_ALLOWED ? losses : null
  }

  /** Notes that another FFmpeg is to begin. @throws GatewayError `too_many` */
  #noteBeginning(): void {
    if (this.#beginnings.note() <= BEGINNINGS_ALLOWED) return
    throw new GatewayError('too_many', `A broadcast may begin ${BEGINNINGS_ALLOWED} recordings in a minute.`)
  }

  /** FFmpeg went away in the middle of an epoch. The recorder can start again; its next header starts a new FFmpeg. */
  #lost(exit: FfmpegExit): void {
    if (this.#closing) return
    this.#log.warn({ reason: exit.message, exit: describe(exit) }, 'FFmpeg was lost, asking for a new epoch')
    this.#askForEpoch()
  }

  #askForEpoch(): void {
    this.#connection?.send({ type: 'restart', reason: 'The server lost its FFmpeg and needs a new recording.' })
  }

  async #close(): Promise<void> {
    this.#release()
    if (this.#resumeTimer) clearTimeout(this.#resumeTimer)
    try {
      await this.#endEpoch()
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      this.#log.warn({ code: error.code, reason: error.message }, 'the last epoch gave nothing')
    }
    await this.broadcast.end()
    this.#context.onClosed(this)
    this.#log.info({ bytesIn: this.broadcast.bytesIn }, 'broadcast ended')
  }

  #status(): StreamStatus {
    return this.#context.statusOf(this.broadcast, this.#context.playback)
  }
}
