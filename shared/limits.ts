/** The WebSocket subprotocol of the ingest socket. */
export const SUBPROTOCOL = 'castgate.v1'

/** Most bytes of recording in one chunk; a larger blob is cut. */
export const CHUNK_BYTES = 256 * 1024

/** Most bytes that a client may have sent and not seen acknowledged. */
export const WINDOW_BYTES = 8 * 1024 * 1024

/** Most bytes of one control message (a text frame). */
export const CONTROL_BYTES = 16 * 1024

/** How long a new socket may take to say hello, in ms. */
export const HELLO_TIMEOUT_MS = 5_000

/** How often both sides ask for a sign of life, in ms. Two missed ones mean that the other side is gone: in less than 10 s. */
export const PING_INTERVAL_MS = 3_000

/** How long after the first epoch a later one may begin, in ms: FLV counts time in 31 bits. */
export const MAX_AT_MS = 24 * 24 * 3600 * 1000

/** Milliseconds of recording in each blob that the recorder is asked for. */
export const TIMESLICE_MS = 100

/** Distance between keyframes, in ms: asked of the recorder, and kept by the server when it transcodes. */
export const KEYFRAME_INTERVAL_MS = 2_000

/** Epochs and sequence numbers are unsigned 32-bit numbers on the wire. */
export const UINT32_MAX = 0xffff_ffff
