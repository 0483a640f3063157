import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { GatewayError } from '../../../shared/errors.ts'
import type { Access, Grant } from '../../access/access.ts'
import type { Limits } from '../../access/limits.ts'
import type { Directory } from '../../broadcast/directory.ts'
import type { PeerEnd } from '../../webrtc/connection.ts'
import type { WebRtcDoor } from '../../webrtc/door.ts'
import { type IceSession, newSession, patchSession } from '../../webrtc/ice-session.ts'
import { chooseMedia, TAKEN } from '../../webrtc/negotiate.ts'
import { ReceivingPeer } from '../../webrtc/receiving-peer.ts'
import { parseOffer } from '../../webrtc/sdp.ts'
import { ownIdentity } from '../../webrtc/secure.ts'
import { claimCounted } from '../claim.ts'
import { metered } from '../metered.ts'
import { IngestSession, type SessionContext } from '../session.ts'
import { WhipLink } from './link.ts'
import type { RecordingOrigin } from './recording.ts'

/** Where nothing came for so long, in ms, a publisher may be gone: one who comes again has it no more. */
const SILENT_MS = 2_000

/** How long after the last loss the advice about it stays, and how often it is in the log, in ms. */
const CALM_MS = 30_000
const SAY_AGAIN_MS = 60_000

const LOSSES =
  'Packets are lost on their way here, and pictures are left out. Use a better network, a lower bitrate, or RTMP.'

/** What publishers over WebRTC need of the gateway. */
export interface WhipOptions extends Omit<SessionContext, 'onClosed' | 'playback'> {
  directory: Directory
  access: Access
  limits: Limits
  log: Logger
  /** A publisher that was let in is not taken any more. */
  onCutOff(refusal: { name: string; address: string | null; error: GatewayError }): void
  /** A session is over: how its packets came. */
  onReceived(counters: { received: number; recovered: number; lost: number; framesLeftOut: number }): void
}

/** Who wants to publish. */
export interface WhipRequest {
  name: string
  token: string | null
  address: string | null
  /** Its offer. */
  sdp: string
  playback: SessionContext['playback']
}

/** A session, as its publisher is told of it. */
export interface WhipAnswer {
  /** Not to be guessed: whoever has it may end the session. */
  id: string
  sdp: string
  etag: string
}

/** A broadcast over WebRTC. */
interface Publisher {
  session: IngestSession
  origin: RecordingOrigin
  grant: Grant
  address: string | null
  /** The connection that it has now; null while it is waited for. */
  connection: Connection | null
}

interface Connection extends IceSession {
  name: string
  peer: ReceivingPeer
  link: WhipLink
  release(): void
  /** Pictures are left out: when that was last said in the log, and what says that it is over. */
  loss: { saidAt: number; calm: NodeJS.Timeout } | null
}

/** The publishers over WebRTC (RFC 9725): lets them in, and puts what they send on the bus, by way of the same session as a page's recorder. */
export class WhipIngest {
  readonly #options: WhipOptions
  readonly #publishers = new Map<string, Publisher>()
  readonly #connections = new Map<string, Connection>()

  constructor(options: WhipOptions) {
    this.#options = options
  }

  /**
   * Lets a publisher in, at a port that is open.
   * @throws GatewayError where it may not publish, or its offer cannot be answered
   */
  async publish(door: WebRtcDoor, { name, token, address, sdp, playback }: WhipRequest): Promise<WhipAnswer> {
    const { access, limits } = this.#options
    await limits.note('hellos', address)
    const grant = await access.publish(token, name)
    const offer = parseOffer(sdp)
    const media = chooseMedia(offer, TAKEN)
    const identity = await ownIdentity()
    const release = limits.hold('sockets', address)
    try {
      const publisher = (await this.#takeOver(name, grant, address)) ?? this.#begin(name, grant, address, playback)
      const { log } = this.#options
      const fields = { ...publisher.session.broadcast.logFields, address }
      const link = new WhipLink(media, publisher.origin, {
        requestKeyframe: () => peer.requestKeyframe(),
        onTooSlow: () => log.warn(fields, 'FFmpeg is too slow: pictures are left out until it has caught up'),
        onFailed: (error) => this.#cutOff(connection, error, address),
      })
      const peer: ReceivingPeer = new ReceivingPeer(
        door.port,
        { offer, media, candidates: door.candidates() },
        identity,
        {
          onOpen: () => log.info({ ...fields, from: peer.client }, 'the publisher is connected over WebRTC'),
          onFrame: (kind, frame) => link.frame(kind, frame),
          onLeftOut: (pictures) => this.#tellLoss(publisher, connection, pictures),
          onPresence: (isPresent) => {
            publisher.session.broadcast.sourcePresent = isPresent
          },
          onEnd: (end) => this.#ended(connection, end),
        },
      )
      const connection: Connection = { ...newSession(), name, peer, link, release, loss: null }
      publisher.connection = connection
      this.#connections.set(connection.id, connection)
      void this.#serve(publisher, connection, grant, address)
      const formats = media.map(({ kind, codec }) => [kind, codec.name])
      log.info({ ...fields, ...Object.fromEntries(formats) }, 'an offer over WebRTC was answered')
      return { id: connection.id, sdp: peer.answer, etag: connection.etag }
    } catch (error) {
      release()
      throw error
    }
  }

  /**
   * Takes what a publisher trickles, or lets it come from elsewhere, as `condition`, its `If-Match`, says (RFC 9725, section 4.3). Gives null, or
   * what it needs to come from elsewhere.
   * @throws GatewayError
   */
  patch(
    name: string,
    id: string,
    fragment: string,
    condition: string | undefined,
  ): { sdp: string; etag: string } | null {
    return patchSession(this.#connectionOf(name, id), fragment, condition)
  }

  /** Ends a session. @throws GatewayError `not_found` */
  async delete(name: string, id: string): Promise<void> {
    const connection = this.#connectionOf(name, id)
    connection.link.end(true)
    this.#drop(connection)
    await this.#publishers.get(name)?.session.close()
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    const reason = new GatewayError('unavailable', 'The server is shutting down. Publish again in a moment.')
    await Promise.all([...this.#publishers.values()].map(({ session }) => session.shutDown(reason)))
  }

  #connectionOf(name: string, id: string): Connection {
    const connection = this.#connections.get(id)
    if (connection?.name === name) return connection
    throw new GatewayError('not_found', 'There is no such session (any more): publish anew.')
  }

  #begin(name: string, grant: Grant, address: string | null, playback: SessionContext['playback']): Publisher {
    const { directory, limits, capacity } = this.#options
    const { broadcast, leave } = claimCounted(directory, limits, capacity, { name, source: 'whip', address })
    const session = new IngestSession(broadcast, {
      ...this.#options,
      playback,
      onClosed: () => {
        leave()
        if (this.#publishers.get(name) === publisher) this.#publishers.delete(name)
        if (publisher.connection) this.#drop(publisher.connection)
      },
    })
    const publisher: Publisher = { session, origin: { at: null }, grant, address, connection: null }
    this.#publishers.set(name, publisher)
    return publisher
  }

  /** Gives a publisher that comes again its broadcast; null where there is none. @throws GatewayError `name_taken` for another's */
  async #takeOver(name: string, grant: Grant, address: string | null): Promise<Publisher | null> {
    const publisher = this.#publishers.get(name)
    if (!publisher) return null
    if (!(await this.#isSame(publisher, grant, address))) {
      throw new GatewayError('name_taken', `Someone publishes "${name}" already. Stop that, or choose another name.`)
    }
    // It may have ended while it was looked at.
    if (this.#publishers.get(name) !== publisher) return null
    if (publisher.connection) this.#drop(publisher.connection)
    Object.assign(publisher, { grant, address })
    return publisher
  }

  /** Whether one who comes is who publishes: by its token or, where none is needed, by its address, when the session before is gone or silent. */
  async #isSame(publisher: Publisher, grant: Grant, address: string | null): Promise<boolean> {
    if (grant.tokenId !== null) return grant.tokenId === publisher.grant.tokenId
    if (publisher.grant.tokenId !== null || publisher.address !== address) return false
    const { connection } = publisher
    if (connection === null) return true
    await delay(SILENT_MS)
    if (publisher.connection !== connection) return publisher.connection === null
    const { mediaAt } = connection.peer
    return mediaAt === null || performance.now() - mediaAt > SILENT_MS
  }

  async #serve(publisher: Publisher, connection: Connection, grant: Grant, address: string | null): Promise<void> {
    const { session } = publisher
    try {
      await session.serve(connection.link, grant, metered(connection.link.messages(), this.#options.limits, address))
    } catch (error) {
      const known = error instanceof GatewayError
      if (!known) this.#options.log.error({ err: error, ...session.broadcast.logFields }, 'ingest failed')
      const reason = known ? error : new GatewayError('internal', 'The server failed.')
      this.#cutOff(connection, reason, address)
    } finally {
      if (publisher.connection === connection) publisher.connection = null
    }
  }

  /** The publisher is gone, and did not say that it is through: it is waited for. */
  #ended(connection: Connection, end: PeerEnd): void {
    const words = {
      closed: 'has closed its connection',
      silent: 'is not heard any more',
      failed: 'could not be received',
    }
    const reason = end.kind === 'failed' ? { reason: end.reason } : {}
    this.#options.log.warn({ stream: connection.name, ...reason }, `the publisher over WebRTC ${words[end.kind]}`)
    this.#drop(connection)
  }

  /** Tells whoever looks after the gateway, and its log now and then. */
  #tellLoss({ session: { broadcast } }: Publisher, connection: Connection, pictures: number): void {
    const now = performance.now()
    broadcast.advise('losses', LOSSES)
    const isNews = connection.loss === null || now - connection.loss.saidAt > SAY_AGAIN_MS
    const saidAt = isNews ? now : (connection.loss?.saidAt ?? now)
    if (isNews) this.#options.log.warn({ ...broadcast.logFields, pictures }, 'pictures over WebRTC are left out')
    clearTimeout(connection.loss?.calm)
    connection.loss = { saidAt, calm: setTimeout(() => broadcast.advise('losses', null), CALM_MS) }
  }

  #cutOff(connection: Connection, error: GatewayError, address: string | null): void {
    if (!this.#connections.has(connection.id)) return
    this.#drop(connection)
    const { name } = connection
    const reason = { code: error.code, reason: error.message }
    this.#options.log.warn({ stream: name, address, ...reason }, 'a publisher over WebRTC is cut off')
    this.#options.onCutOff({ name, address, error })
  }

  /** Lets go of a connection, and tells how it was. */
  #drop(connection: Connection): void {
    if (!this.#connections.delete(connection.id)) return
    const { peer, link, name, release } = connection
    const { counters: tracks, refused } = peer
    link.end(false)
    peer.close()
    clearTimeout(connection.loss?.calm)
    this.#publishers.get(name)?.session.broadcast.advise('losses', null)
    release()
    for (const counters of tracks.values()) this.#options.onReceived(counters)
    this.#options.log.info({ stream: name, ...Object.fromEntries(tracks), refused }, 'a connection over WebRTC is over')
  }
}
