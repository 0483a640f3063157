// Broadcasts from effects, which StrictMode runs, ends and runs again in one tick: the SDK, and the widget started by its method.
import { StrictMode, useEffect, useRef, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Broadcaster } from '../../../client/index.ts'

const query = new URLSearchParams(location.search)
const server = query.get('server')

/** A picture that changes. */
function picture() {
  const canvas = document.createElement('canvas')
  const context = canvas.getContext('2d')
  setInterval(() => context.fillRect(Math.random() * 300, Math.random() * 150, 5, 5), 40)
  return canvas.captureStream(25)
}
const stream = picture()

function Sdk({ name }) {
  const [states, setStates] = useState([])
  useEffect(() => {
    const broadcaster = new Broadcaster({ server, stream: name })
    broadcaster.addEventListener('statechange', () => {
      const { kind, code = '' } = broadcaster.state
      setStates((before) => [...before, kind + code])
    })
    broadcaster.start(stream)
    return () => void broadcaster.stop()
  }, [name])
  return <output id="sdk">{states.join(' ')}</output>
}

function Widget({ name }) {
  const element = useRef(null)
  useEffect(() => {
    const { current } = element
    void customElements.whenDefined('castgate-broadcast').then(() => current.isConnected && current.start(stream))
    void current.start?.(stream)
    return () => void current.stop?.()
  }, [])
  return <castgate-broadcast ref={element} stream={name} server={server} />
}

/** The quality comes and goes, as a component that is drawn again without it. */
function Quality() {
  const [quality, setQuality] = useState('720p')
  window.setQuality = setQuality
  return quality === null ? <castgate-broadcast id="quality" /> : <castgate-broadcast id="quality" quality={quality} />
}

function App() {
  const [shown, setShown] = useState(true)
  window.setShown = setShown
  return (
    <>
      {shown && <Sdk name="strict-sdk" />}
      {shown && <Widget name="strict-widget" />}
      <Quality />
    </>
  )
}

await import(/* @vite-ignore */ `${server}/castgate.js`)
createRoot(document.getElementById('root')).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
