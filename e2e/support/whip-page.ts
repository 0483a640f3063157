import type { Page } from 'playwright'

/** How a page publishes over WebRTC. */
export interface WhipPageOptions {
  /** `POST` goes there. */
  url: string
  token?: string
  /** Only this kind of candidate is used of the answer. */
  only?: 'udp' | 'tcp'
  /** Sends these, and not both. */
  kinds?: ('video' | 'audio')[]
  /** The formats of pictures that are offered, such as `video/VP8`; all where it is left out. */
  video?: string
}

/** What the server answered. */
export interface WhipResult {
  status: number
  body: string
  location: string | null
  etag: string | null
}

/** Lets the page at hand publish its camera and microphone, as a site's own page would: an offer, an answer, and nothing more. */
export async function publishFromPage(page: Page, options: WhipPageOptions): Promise<WhipResult> {
  return page.evaluate(async ({ url, token, only, kinds = ['video', 'audio'], video }) => {
    const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 }, audio: true })
    const peer = new RTCPeerConnection()
    Object.assign(window, { whip: peer })
    for (const track of camera.getTracks()) {
      if (!kinds.includes(track.kind as 'video')) continue
      const sender = peer.addTransceiver(track, { direction: 'sendonly', streams: [camera] })
      const codecs = RTCRtpSender.getCapabilities(track.kind)?.codecs ?? []
      const wanted = codecs.filter(({ mimeType }) => mimeType === video)
      if (track.kind === 'video' && wanted.length > 0) sender.setCodecPreferences(wanted)
      if (track.kind !== 'video') continue
      const parameters = sender.sender.getParameters()
      await sender.sender.setParameters({ ...parameters, degradationPreference: 'maintain-resolution' })
    }
    await peer.setLocalDescription()
    const headers = { 'content-type': 'application/sdp', ...(token && { authorization: `Bearer ${token}` }) }
    const response = await fetch(url, { method: 'POST', headers, body: peer.localDescription?.sdp ?? '' })
    const body = await response.text()
    if (response.status === 201) {
      const lines = body
        .split('\r\n')
        .filter((line) => !only || !line.startsWith('a=candidate') || line.includes(` ${only} `))
      await peer.setRemoteDescription({ type: 'answer', sdp: lines.join('\r\n') })
    }
    const { status } = response
    return { status, body, location: response.headers.get('location'), etag: response.headers.get('etag') }
  }, options)
}

/** Ends the connection of the page, without a word over HTTP. */
export function closePeer(page: Page): Promise<void> {
  return page.evaluate(() => (window as unknown as { whip: RTCPeerConnection }).whip.close())
}
