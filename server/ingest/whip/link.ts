import type { GatewayError } from '../../../shared/errors.ts'
import { WINDOW_BYTES } from '../../../shared/limits.ts'
import type { ServerMessage } from '../../../shared/messages.ts'
import type { ReceivedFrame } from '../../webrtc/receiver.ts'
import type { AnsweredMedia } from '../../webrtc/sdp.ts'
import type { Incoming } from '../connection.ts'
import type { PublisherLink } from '../publisher-link.ts'
import { type RecordingOrigin, WhipRecording, type Written } from './recording.ts'

/** What FFmpeg is told to read. */
const MIME_TYPE = 'video/x-matroska'

/** What a link tells. */
export interface LinkEvents {
  requestKeyframe(): void
  /** FFmpeg is too slow: pictures are left out until it has caught up. */
  onTooSlow(): void
  /** The session is over for the publisher, and why. */
  onFailed(error: GatewayError): void
}

/** Stands for the socket of a publisher over WebRTC: says in the messages of the ingest protocol what its frames are. */
export class WhipLink implements PublisherLink {
  readonly #events: LinkEvents
  readonly #recording: WhipRecording
  readonly #queue: Incoming[] = []
  #waitingBytes = 0
  #next = 0
  #epoch = -1
  #isEnded = false
  #isTooSlow = false
  #wake: (() => void) | null = null

  constructor(media: readonly AnsweredMedia[], origin: RecordingOrigin, events: LinkEvents) {
    this.#events = events
    this.#recording = new WhipRecording(media, origin, () => events.requestKeyframe())
  }

  /** Takes a frame of the publisher. */
  frame(kind: 'video' | 'audio', frame: ReceivedFrame): void {
    if (this.#isEnded) return
    if (this.#isTooSlow) {
      if (this.#waitingBytes > WINDOW_BYTES / 2) return
      this.#isTooSlow = false
      this.#recording.restart()
    }
    for (const written of this.#recording.take(kind, frame)) this.#push(written)
    if (this.#waitingBytes <= WINDOW_BYTES) return
    this.#isTooSlow = true
    this.#events.onTooSlow()
  }

  /** What the session handles, until the publisher has gone. */
  async *messages(): AsyncGenerator<Incoming, void, undefined> {
    for (;;) {
      const message = this.#queue.shift()
      if (message) {
        if (message.type === 'chunk') this.#waitingBytes -= message.payload.byteLength
        yield message
      } else if (this.#isEnded) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }

  /** The publisher has gone. `isOver`: it said that it does not come back. */
  end(isOver: boolean): void {
    if (this.#isEnded) return
    if (isOver) this.#queue.push({ type: 'end' })
    this.#isEnded = true
    this.#wake?.()
  }

  send(message: ServerMessage): void {
    if (message.type === 'welcome') {
      this.#next = message.next
      this.#epoch = message.epoch ?? -1
    } else if (message.type === 'restart') this.#recording.restart()
  }

  finish(): void {}

  fail(error: GatewayError): void {
    this.#queue.length = 0
    this.end(false)
    this.#events.onFailed(error)
  }

  #push(written: Written): void {
    if (written.kind === 'begin') {
      this.#epoch++
      this.#queue.push({ type: 'epoch', epoch: this.#epoch, at: written.at, mimeType: MIME_TYPE })
    } else {
      const payload = written.bytes
      this.#waitingBytes += payload.byteLength
      const place = { epoch: this.#epoch, sequence: this.#next++ }
      this.#queue.push({ type: 'chunk', ...place, payload, receivedAt: performance.now() })
    }
    this.#wake?.()
  }
}
