import type { Page } from 'playwright'

/** How a page publishes over WebRTC. */
export interface WhipPageOptions {
  /** `POST` goes there. */
  url: string
  token?: string
  /** Only this kind of candidate is used of the answer. */
  only?: 'udp' | 'tcp'
  /** Goes to this port of 127.0.0.1 in place of the one of the answer. */
  port?: number
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
  return page.evaluate(async ({ url, token, only, port, kinds = ['video', 'audio'], video }) => {
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
      const sdp = lines.join('\r\n')
      const moved = port ? sdp.replace(/(a=candidate:\S+ 1 \w+ \d+ 127\.0\.0\.1) \d+/g, `$1 ${port}`) : sdp
      await peer.setRemoteDescription({ type: 'answer', sdp: moved })
    }
    const { status } = response
    return { status, body, location: response.headers.get('location'), etag: response.headers.get('etag') }
  }, options)
}

/** Lets the page come from elsewhere, as its session at `url` allows (RFC 9725, section 4.3.3); gives the statuses of both steps. */
export function restartIce(page: Page, url: string): Promise<number> {
  return page.evaluate(async (session) => {
    const { whip: peer } = window as unknown as { whip: RTCPeerConnection }
    peer.restartIce()
    await peer.setLocalDescription()
    const find = (text: string, name: string) => new RegExp(`a=${name}:(\\S+)`).exec(text)?.[1] ?? ''
    const offer = peer.localDescription?.sdp ?? ''
    const body = ['ice-ufrag', 'ice-pwd'].map((name) => `a=${name}:${find(offer, name)}\r\n`).join('')
    const headers = { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': '*' }
    const response = await fetch(session, { method: 'PATCH', headers, body })
    const fragment = await response.text()
    const before = peer.remoteDescription?.sdp ?? ''
    const sdp = before
      .replace(/a=ice-ufrag:\S+/g, `a=ice-ufrag:${find(fragment, 'ice-ufrag')}`)
      .replace(/a=ice-pwd:\S+/g, `a=ice-pwd:${find(fragment, 'ice-pwd')}`)
    await peer.setRemoteDescription({ type: 'answer', sdp })
    return response.status
  }, url)
}

/** Ends the connection of the page, without a word over HTTP. */
export function closePeer(page: Page): Promise<void> {
  return page.evaluate(() => (window as unknown as { whip: RTCPeerConnection }).whip.close())
}
