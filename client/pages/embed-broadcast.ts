import { AttributeReader } from '../elements/attribute-values.ts'
import { gatewayOfScript } from '../gateway-url.ts'
import { readPageFacts, readToken } from '../page-facts.ts'
import { BroadcastElement, WIDGET_EVENTS } from '../widget/broadcast.ts'
import { Embedder, streamOfAddress } from './embedder.ts'

const query = new URLSearchParams(location.search)
const widget = new BroadcastElement()
widget.stream = streamOfAddress()
widget.server = gatewayOfScript(import.meta.url)
widget.token = readToken() ?? ''
widget.source = query.get('source') ?? widget.source
widget.quality = query.get('quality') ?? widget.quality
widget.muted = new AttributeReader('The address of this page').flag('muted', query.get('muted'))
widget.lang = query.get('lang') ?? ''

const embedder = new Embedder(readPageFacts().origins, (command, { token }) => {
  if (typeof token === 'string') widget.token = token
  switch (command) {
    case 'castgate-start':
      return void widget.start()
    case 'castgate-stop':
      return void widget.stop()
    case 'castgate-mute':
      return widget.mute()
    case 'castgate-unmute':
      return widget.mute(false)
  }
})
for (const type of WIDGET_EVENTS) {
  widget.addEventListener(type, (event) => embedder.tell(type, (event as CustomEvent<unknown>).detail))
}
document.querySelector('main')?.append(widget)
embedder.tell('castgate-ready')
