import { setTimeout as delay } from 'node:timers/promises'
import ndc from 'node-datachannel'
import { kindOf, TAG_TYPE, type Tag } from '../../server/flv/tag.ts'
import { until } from './wait.ts'

const SSRC = 4242
const CLOCK_RATE = 90_000

/** An encoder that publishes by WHIP as OBS does: with libdatachannel, its packetizer, reports and answers to NACKs. It sends a picture alone. */
export class WhipEncoder {
  readonly #peer: InstanceType<typeof ndc.PeerConnection>
  readonly #track: ReturnType<InstanceType<typeof ndc.PeerConnection>['addTrack']>
  readonly #timing: InstanceType<typeof ndc.RtpPacketizationConfig>
  readonly #began = performance.now()
  /** Where its session is: null before the server said so. */
  location: string | null = null

  constructor() {
    this.#peer = new ndc.PeerConnection('encoder', { iceServers: [], disableAutoNegotiation: true })
    const video = new ndc.Video('0', 'SendOnly')
    video.addH264Codec(96, 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1')
    video.addSSRC(SSRC, 'encoder', 'stream', 'video')
    this.#track = this.#peer.addTrack(video)
    this.#timing = new ndc.RtpPacketizationConfig(SSRC, 'encoder', 96, CLOCK_RATE)
    const packetizer = new ndc.H264RtpPacketizer('Length', this.#timing)
    packetizer.addToChain(new ndc.RtcpSrReporter(this.#timing))
    packetizer.addToChain(new ndc.RtcpNackResponder())
    this.#track.setMediaHandler(packetizer)
  }

  get state(): string {
    return this.#peer.state()
  }

  /** Asks the server at `url`, and resolves when it is connected. */
  async connect(url: string, token?: string): Promise<void> {
    const gathered = new Promise<void>((resolve) => {
      this.#peer.onGatheringStateChange((state) => state === 'complete' && resolve())
    })
    this.#peer.setLocalDescription('offer')
    await gathered
    const headers = { 'content-type': 'application/sdp', ...(token && { authorization: `Bearer ${token}` }) }
    const body = this.#peer.localDescription()?.sdp ?? ''
    const answer = await fetch(url, { method: 'POST', headers, body })
    const sdp = await answer.text()
    if (answer.status !== 201) throw new Error(sdp)
    this.location = new URL(answer.headers.get('location') ?? '', url).href
    this.#peer.setRemoteDescription(sdp, 'answer')
    await until('the encoder is connected', () => this.#track.isOpen())
  }

  /** Sends the pictures of FLV tags in real time, each keyframe with its parameter sets, until `signal` is aborted, the connection is closed, or they end. */
  async send(tags: readonly Tag[], signal: AbortSignal): Promise<void> {
    const pictures = tags.filter(({ type }) => type === TAG_TYPE.video)
    const header = pictures[0]?.body.subarray(5) ?? Buffer.alloc(0)
    const began = performance.now()
    const before = began - this.#began
    for (const tag of pictures.slice(1)) {
      await delay(Math.max(0, tag.timestamp - (performance.now() - began)))
      if (signal.aborted || !this.#track.isOpen() || tag.body[1] !== 1) return
      this.#timing.timestamp = Math.round(((before + tag.timestamp) * CLOCK_RATE) / 1000)
      const data = tag.body.subarray(5)
      this.#track.sendMessageBinary(kindOf(tag) === 'keyframe' ? Buffer.concat([parameterSets(header), data]) : data)
    }
  }

  /** Ends as OBS does: tells the server, and closes the connection. Gives the status of that. */
  async end(): Promise<number> {
    const answer = await fetch(this.location ?? '', { method: 'DELETE' })
    this.close()
    return answer.status
  }

  /** Goes without a word over HTTP. */
  close(): void {
    this.#peer.close()
  }
}

/** The parameter sets of an AVCDecoderConfigurationRecord, with their length in four bytes before each. */
function parameterSets(record: Buffer): Buffer {
  const sps = record.subarray(8, 8 + record.readUInt16BE(6))
  const at = 8 + sps.length + 1
  const pps = record.subarray(at + 2, at + 2 + record.readUInt16BE(at))
  return Buffer.concat([Buffer.from([0, 0, 0, sps.length]), sps, Buffer.from([0, 0, 0, pps.length]), pps])
}
