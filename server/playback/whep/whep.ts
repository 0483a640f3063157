import type { Logger } from 'pino'
import { GatewayError } from '../../../shared/errors.ts'
import type { Access, Grant } from '../../access/access.ts'
import type { Limits } from '../../access/limits.ts'
import type { Broadcast } from '../../broadcast/broadcast.ts'
import type { Directory } from '../../broadcast/directory.ts'
import type { Ffmpegs } from '../../ffmpeg/ffmpegs.ts'
import type { PeerEnd } from '../../webrtc/connection.ts'
import type { WebRtcDoor } from '../../webrtc/door.ts'
import { type IceSession, newSession, patchSession } from '../../webrtc/ice-session.ts'
import { chooseMedia, SENT } from '../../webrtc/negotiate.ts'
import { parseOffer } from '../../webrtc/sdp.ts'
import { ownIdentity } from '../../webrtc/secure.ts'
import { SendingPeer } from '../../webrtc/sending-peer.ts'
import { WhepFeed } from './feed.ts'

/** How long the FFmpeg of a broadcast's sound is kept when nobody watches any more, in ms. */
const KEPT_MS = 5_000

/** What viewers over WebRTC need of the gateway. */
export interface WhepOptions {
  directory: Directory
  access: Access
  limits: Limits
  ffmpegs: Ffmpegs
  /** Most viewers over WebRTC at a time. */
  mostViewers: number
  log: Logger
}

/** Who wants to watch. */
export interface WhepRequest {
  name: string
  token: string | null
  address: string | null
  /** Its offer. */
  sdp: string
}

interface Viewer extends IceSession {
  name: string
  peer: SendingPeer
  feed: Feed
  release(): void
}

/** A broadcast that somebody watches over WebRTC. */
interface Feed {
  broadcast: Broadcast
  feed: WhepFeed
  viewers: Set<Viewer>
  idle: NodeJS.Timeout | undefined
}

/** The viewers over WebRTC (draft-ietf-wish-whep): each gets the bus from the last keyframe on. */
export class WhepPlayback {
  readonly #options: WhepOptions
  readonly #viewers = new Map<string, Viewer>()
  readonly #feeds = new Map<Broadcast, Feed>()

  constructor(options: WhepOptions) {
    this.#options = options
  }

  /**
   * Lets a viewer in, at a port that is open.
   * @throws GatewayError where it may not watch, or there is nothing that it could
   */
  async play(
    door: WebRtcDoor,
    { name, token, address, sdp }: WhepRequest,
  ): Promise<{ id: string; sdp: string; etag: string }> {
    const { access, limits, directory, mostViewers } = this.#options
    await limits.note('hellos', address)
    const grant = await access.play(token, name)
    const offer = parseOffer(sdp, 'receives')
    const media = chooseMedia(offer, SENT)
    if (!directory.get(name)?.hasMedia) throw new GatewayError('not_found', `"${name}" is not live.`)
    if (this.#viewers.size >= mostViewers) {
      throw new GatewayError('no_capacity', 'Enough people watch over WebRTC. Watch it otherwise.')
    }
    const identity = await ownIdentity()
    const broadcast = directory.get(name)
    if (!broadcast?.hasMedia) throw new GatewayError('not_found', `"${name}" is not live.`)
    const feed = this.#feedOf(broadcast)
    feed.feed.requirePlayable()
    const release = limits.hold('sockets', address)
    const peer: SendingPeer = new SendingPeer(
      door.port,
      { offer, media, candidates: door.candidates() },
      identity,
      () => feed.feed.epoch(),
      { onOpen: () => this.#joined(viewer), onEnd: (end) => this.#ended(viewer, end) },
    )
    const viewer: Viewer = { ...newSession(), name, peer, feed, release }
    this.#viewers.set(viewer.id, viewer)
    feed.viewers.add(viewer)
    this.#holdTo(viewer, grant)
    return { id: viewer.id, sdp: peer.answer, etag: viewer.etag }
  }

  /** As of publishers: see `WhipIngest.patch`. @throws GatewayError */
  patch(
    name: string,
    id: string,
    fragment: string,
    condition: string | undefined,
  ): { sdp: string; etag: string } | null {
    return patchSession(this.#viewerOf(name, id), fragment, condition)
  }

  /** Ends a session. @throws GatewayError `not_found` */
  delete(name: string, id: string): void {
    this.#drop(this.#viewerOf(name, id))
  }

  /** Ends all of them. */
  close(): void {
    for (const viewer of this.#viewers.values()) this.#drop(viewer)
    for (const each of this.#feeds.values()) this.#closeFeed(each)
  }

  #viewerOf(name: string, id: string): Viewer {
    const viewer = this.#viewers.get(id)
    if (viewer?.name === name) return viewer
    throw new GatewayError('not_found', 'There is no such session (any more): ask anew.')
  }

  #feedOf(broadcast: Broadcast): Feed {
    const known = this.#feeds.get(broadcast)
    if (known) return known
    const { ffmpegs, log } = this.#options
    const feed = new WhepFeed(broadcast, ffmpegs, log, (reason) => {
      if (reason !== null) log.warn({ ...broadcast.logFields, reason }, 'viewers over WebRTC are ended')
      for (const viewer of made.viewers) this.#drop(viewer)
      if (reason === null) this.#closeFeed(made)
    })
    const made: Feed = { broadcast, feed, viewers: new Set(), idle: undefined }
    this.#feeds.set(broadcast, made)
    made.idle = setTimeout(() => this.#closeFeed(made), KEPT_MS)
    broadcast.listen(feed)
    return made
  }

  #closeFeed(feed: Feed): void {
    clearTimeout(feed.idle)
    if (!this.#feeds.delete(feed.broadcast)) return
    feed.feed.close()
    feed.broadcast.unlisten(feed.feed)
  }

  #holdTo(viewer: Viewer, grant: Grant): void {
    const { access, log } = this.#options
    const { release, feed } = viewer
    clearTimeout(feed.idle)
    const letGo = access.whenOver(grant, (reason) => {
      log.info({ stream: viewer.name, code: reason.code }, 'a viewer over WebRTC is not let in any more')
      this.#drop(viewer)
    })
    viewer.release = () => {
      letGo()
      release()
    }
  }

  #joined(viewer: Viewer): void {
    const { peer, feed } = viewer
    const leave = feed.broadcast.audience.join('whep')
    const { release } = viewer
    viewer.release = () => {
      leave()
      release()
    }
    feed.feed.join(peer)
  }

  #ended(viewer: Viewer, end: PeerEnd): void {
    if (end.kind === 'failed') {
      this.#options.log.warn({ stream: viewer.name, reason: end.reason }, 'a viewer over WebRTC was given up')
      if (viewer.peer.sentBytes > 0) viewer.feed.broadcast.audience.closedAsTooSlow()
    }
    this.#drop(viewer)
  }

  #drop(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer.id)) return
    const { feed, peer } = viewer
    feed.viewers.delete(viewer)
    feed.feed.leave(peer)
    peer.close()
    feed.broadcast.audience.sent(peer.sentBytes)
    viewer.release()
    if (feed.viewers.size === 0) feed.idle = setTimeout(() => this.#closeFeed(feed), KEPT_MS)
  }
}
