import type { OnStopped, Playback } from './playback.ts'

/** How long the connection may take, in ms; the next method is tried then. */
const CONNECT_MS = 5_000

/**
 * Plays by WebRTC (WHEP, draft-ietf-wish-whep), with the least delay that there is.
 * @throws an error where the server does not take this viewer, or `signal` is aborted meanwhile
 */
export async function playWhep(
  video: HTMLVideoElement,
  url: string,
  onStopped: OnStopped,
  signal: AbortSignal,
): Promise<Playback> {
  const peer = new RTCPeerConnection()
  const stream = new MediaStream()
  let session: string | null = null
  const close = () => {
    clearTimeout(late)
    peer.close()
    video.srcObject = null
    // The page may be going: it is not waited for.
    if (session) void fetch(session, { method: 'DELETE', keepalive: true }).catch(() => {})
  }
  const late = setTimeout(() => {
    if (peer.connectionState !== 'connected') onStopped('failed')
  }, CONNECT_MS)
  peer.onconnectionstatechange = () => {
    if (peer.connectionState === 'failed' || peer.connectionState === 'closed') onStopped('failed')
  }
  peer.ontrack = ({ track, receiver }) => {
    // It is for those who talk back: no more is kept than the network makes necessary.
    receiver.jitterBufferTarget = 0
    stream.addTrack(track)
  }
  try {
    for (const kind of ['video', 'audio']) peer.addTransceiver(kind, { direction: 'recvonly' })
    await peer.setLocalDescription()
    const headers = { 'content-type': 'application/sdp' }
    const body = peer.localDescription?.sdp ?? ''
    const response = await fetch(url, { method: 'POST', headers, body, signal })
    if (response.status !== 201) throw new Error(`The server does not play by WebRTC (${response.status}).`)
    session = new URL(response.headers.get('location') ?? '', url).href
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() })
    signal.throwIfAborted()
  } catch (error) {
    close()
    throw error
  }
  video.srcObject = stream
  return {
    close,
    hasArrived: () => peer.connectionState === 'connected',
    // What has arrived is shown at once.
    behindSeconds: () => null,
    toLiveEdge() {},
  }
}
