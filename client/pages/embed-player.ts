import { gatewayOfScript } from '../gateway-url.ts'
import { readPageFacts, readToken } from '../page-facts.ts'
import { Player } from '../player/player.ts'
import { Embedder, streamOfAddress } from './embedder.ts'

const player = new Player()
player.stream = streamOfAddress()
player.server = gatewayOfScript(import.meta.url)
player.token = readToken() ?? ''
// What the element of the same name has as attributes, a frame has in the query of its address.
const query = new URLSearchParams(location.search)
for (const name of ['methods', 'muted', 'autoplay', 'controls']) {
  const value = query.get(name)
  if (value !== null) player.setAttribute(name, value)
}

const { origins } = readPageFacts()
// Where the operator named no origin, playing is for any page.
const embedder = new Embedder(origins.length === 0 ? ['*'] : origins, (command, { token }) => {
  if (typeof token === 'string') player.token = token
  switch (command) {
    case 'castgate-play':
      return player.play()
    case 'castgate-pause':
      return player.pause()
    case 'castgate-mute':
      return player.mute()
    case 'castgate-unmute':
      return player.mute(false)
  }
})
for (const type of ['castgate-state', 'castgate-stream']) {
  player.addEventListener(type, (event) => embedder.tell(type, (event as CustomEvent<unknown>).detail))
}
document.querySelector('main')?.append(player)
embedder.tell('castgate-ready')
