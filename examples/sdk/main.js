import { Broadcaster, openCamera, qualityOf } from 'castgate'

const query = new URLSearchParams(location.search)
const button = document.querySelector('button')
const output = document.querySelector('output')
let broadcaster = null

button.addEventListener('click', async () => {
  if (broadcaster) {
    await broadcaster.stop()
    return
  }
  const quality = qualityOf('540p')
  const stream = await openCamera({ camera: null, microphone: null }, quality)
  document.querySelector('video').srcObject = stream
  broadcaster = new Broadcaster({
    server: query.get('server'),
    stream: query.get('stream'),
    token: () => query.get('token') ?? '',
    quality,
  })
  broadcaster.addEventListener('statechange', () => {
    const { state } = broadcaster
    output.textContent = state.kind
    button.textContent = state.kind === 'live' ? 'Stop' : 'Broadcast'
    if (state.kind === 'failed') output.textContent = state.message
    if (state.kind !== 'ended' && state.kind !== 'failed') return
    for (const track of stream.getTracks()) track.stop()
    broadcaster = null
  })
  broadcaster.start(stream)
})
