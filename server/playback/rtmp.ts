import { GatewayError } from '../../shared/errors.ts'
import { isStreamName, STREAM_NAME_RULE } from '../../shared/stream-name.ts'
import type { Access } from '../access/access.ts'
import type { Limits } from '../access/limits.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'
import type { BusTag } from '../flv/gop-cache.ts'
import { playedMessage } from '../rtmp/media-message.ts'
import type { RtmpAudience, RtmpRequest } from '../rtmp/peer.ts'
import { MEDIA_STREAM } from '../rtmp/server-session.ts'
import type { Batch } from './batch.ts'
import type { FanOuts } from './fan-outs.ts'

/** What players over RTMP need of the gateway. */
export interface RtmpPlaybackOptions {
  directory: Directory
  access: Access
  limits: Limits
  fanOuts: FanOuts
}

/** The players over RTMP, such as ffplay, VLC and mpv: they get the bus, from the last keyframe on. One that comes early waits. */
export class RtmpPlayback {
  readonly #options: RtmpPlaybackOptions

  constructor(options: RtmpPlaybackOptions) {
    this.#options = options
  }

  /**
   * Lets a player in.
   * @throws GatewayError where it may not watch
   */
  async play({ name, params, peer }: RtmpRequest): Promise<RtmpAudience> {
    const { access, limits, directory, fanOuts } = this.#options
    if (!isStreamName(name)) throw new GatewayError('bad_request', `A stream name has ${STREAM_NAME_RULE}.`)
    const [token = null, ...others] = params.getAll('token')
    if (others.length > 0) throw new GatewayError('bad_request', 'The link has more than one token.')
    const grant = await access.play(token, name)
    const release = limits.hold('sockets', peer.address)
    const letGo = access.whenOver(grant, (reason) => peer.refuse(reason))
    let isPaused = false
    let stopWaiting = () => {}
    return {
      begin() {
        const broadcast = directory.get(name)
        if (broadcast?.hasMedia) return join(broadcast)
        stopWaiting = directory.on('live', (one) => {
          if (one.name === name) join(one)
        })
      },
      pause(paused) {
        isPaused = paused
      },
      end() {
        stopWaiting()
        letGo()
        release()
      },
    }

    function join(broadcast: Broadcast): void {
      stopWaiting()
      fanOuts.of(broadcast).add({
        way: 'rtmp',
        socket: peer.socket,
        bytesOf: (batch: Batch) => batch.rtmp,
        opening: (tags: readonly BusTag[]) => tags.flatMap((tag) => playedMessage(tag, MEDIA_STREAM)),
        takesOtherTracks: true,
        isPaused: () => isPaused,
        end: () => peer.endPlay(),
      })
    }
  }
}
