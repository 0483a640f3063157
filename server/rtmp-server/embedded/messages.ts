/** What the gateway tells the process of the embedded server. */
export type ToEmbedded =
  | { type: 'start'; host: string; port: number; directory: string; secret: string; isPrivate: boolean }
  /** The publisher with this id may publish; or it may not, or not any more. */
  | { type: 'allow' | 'deny'; id: string }

/** What that process tells. */
export type FromEmbedded =
  | { type: 'listening' }
  /** `token` is from the query of the stream key. */
  | { type: 'publish'; id: string; name: string; token: string | null; address: string | null }
  | { type: 'unpublish'; id: string }
  /** The gateway plays a stream. */
  | { type: 'play'; name: string }
  | { type: 'log'; line: string }
