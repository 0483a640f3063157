/** What the gateway tells the process of the embedded server. */
export type ToEmbedded =
  | { type: 'start'; host: string; port: number; directory: string; secret: string }
  /** The publisher with this id may not publish. */
  | { type: 'deny'; id: string }

/** What that process tells. */
export type FromEmbedded =
  | { type: 'listening' }
  | { type: 'publish'; id: string; name: string }
  | { type: 'unpublish'; id: string }
  | { type: 'log'; line: string }
