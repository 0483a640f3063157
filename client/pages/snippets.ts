/** Code to paste into a page: an element with a script, or a frame for sites that cannot load scripts. */
export interface Snippets {
  script: string
  frame: string
}

/** The player of `stream`, from the gateway at `server`. */
export function playerSnippets(server: string, stream: string): Snippets {
  const element = `<castgate-player ${attribute('src', `${server}/watch/${stream}`)}></castgate-player>`
  const allow = 'autoplay; fullscreen; picture-in-picture'
  return { script: withScript(server, element), frame: frameOf(`${server}/embed/player/${stream}`, allow) }
}

/** The widget that broadcasts as `stream`. Where the gateway asks for tokens, the page fills one in. */
export function broadcastSnippets(server: string, stream: string): Snippets {
  const element = `<castgate-broadcast ${attribute('stream', stream)}></castgate-broadcast>`
  const allow = 'camera; microphone; display-capture'
  return { script: withScript(server, element), frame: frameOf(`${server}/embed/broadcast/${stream}`, allow) }
}

function withScript(server: string, element: string): string {
  return `<script type="module" ${attribute('src', `${server}/castgate.js`)}></script>\n${element}`
}

function frameOf(url: string, allow: string): string {
  return `<iframe ${attribute('src', url)} ${attribute('allow', allow)} width="640" height="480" style="border:0"></iframe>`
}

/** An attribute in double quotes (HTML, 13.1.2.3). */
function attribute(name: string, value: string): string {
  return `${name}="${value.replace(/&/g, '&amp;').replace(/"/g, '&quot;')}"`
}
