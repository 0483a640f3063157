import { useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'

/** The gateway's address: VITE_GATEWAY when this is built. */
const GATEWAY = import.meta.env.VITE_GATEWAY

/** Loads the elements from the gateway, once: they are then always those that fit it. */
function useCastgate() {
  const [isThere, setThere] = useState(false)
  useEffect(() => {
    import(/* @vite-ignore */ `${GATEWAY}/castgate.js`).then(() => setThere(true)).catch(console.error)
  }, [])
  return isThere
}

/** The site's own server knows who is logged in, and what they may do. */
async function fetchToken() {
  const answer = await fetch('/token')
  return answer.text()
}

function App() {
  const isThere = useCastgate()
  const [state, setState] = useState('not live')
  if (!isThere) return <p>Loading…</p>
  // React 19 sets properties of custom elements, functions as well, and takes their events as on….
  return (
    <main>
      <h1>Castgate in React</h1>
      <castgate-broadcast
        stream="react"
        token={fetchToken}
        oncastgate-live={() => setState('live')}
        oncastgate-waiting={() => setState('reconnecting')}
        oncastgate-ended={() => setState('over')}
      />
      <p>
        It is <output>{state}</output>.
      </p>
      <castgate-player stream="react" muted />
    </main>
  )
}

createRoot(document.getElementById('root')).render(<App />)
