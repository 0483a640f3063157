import { type Fields, isFields } from '../../shared/narrow.ts'

/** Commands that a page may send into a frame, as `{ type: 'castgate-start' }`, with `token` where the gateway asks for one. */
export type Command =
  | 'castgate-start'
  | 'castgate-stop'
  | 'castgate-mute'
  | 'castgate-unmute'
  | 'castgate-play'
  | 'castgate-pause'

/**
 * The page that a frame is in. Messages are taken from it alone, and only where its origin is one of `allowed` (which may hold `*`), or
 * the frame's own; events go to that origin and to no other.
 */
export class Embedder {
  readonly #allowed: ReadonlySet<string>
  /** Known from the start where the browser tells it, else from the page's first message. */
  #origin: string | null

  constructor(allowed: readonly string[], onCommand: (command: Command, fields: Fields) => void) {
    this.#allowed = new Set(allowed)
    this.#origin = this.#ifAllowed(parentOrigin())
    addEventListener('message', ({ source, origin, data }: MessageEvent<unknown>) => {
      if (source !== window.parent || window.parent === window || !isFields(data)) return
      if (this.#ifAllowed(origin) === null || typeof data.type !== 'string') return
      this.#origin = origin
      if (data.type.startsWith('castgate-')) onCommand(data.type as Command, data)
    })
  }

  /** Tells the page something. `detail` must be data: it is copied. */
  tell(type: string, detail: unknown = null): void {
    if (window.parent === window || this.#origin === null) return
    window.parent.postMessage({ type, detail: JSON.parse(JSON.stringify(detail)) as unknown }, this.#origin)
  }

  #ifAllowed(origin: string | null): string | null {
    if (origin === null || origin === 'null') return null
    return this.#allowed.has('*') || this.#allowed.has(origin) || origin === location.origin ? origin : null
  }
}

/** Firefox has no `ancestorOrigins`; a page may hide its address from the frame. */
function parentOrigin(): string | null {
  const [nearest] = Array.from((location as { ancestorOrigins?: DOMStringList }).ancestorOrigins ?? [])
  if (nearest !== undefined) return nearest
  return URL.canParse(document.referrer) ? new URL(document.referrer).origin : null
}

/** The stream that the address of a frame's page ends with. */
export function streamOfAddress(): string {
  return location.pathname.split('/').at(-1) ?? ''
}
