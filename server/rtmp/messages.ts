/**
 * Messages of RTMP ("Adobe's Real Time Messaging Protocol", version 1.0, sections 5.4 and 7.1).
 */

/** Type ids of messages. */
export const MESSAGE = {
  setChunkSize: 1,
  abort: 2,
  acknowledgement: 3,
  userControl: 4,
  windowAckSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  dataAmf3: 15,
  commandAmf3: 17,
  data: 18,
  command: 20,
  aggregate: 22,
} as const

/** Types of events of user control messages (section 7.1.7). */
export const USER_CONTROL = { streamBegin: 0, streamEof: 1, pingRequest: 6, pingResponse: 7 } as const

/** One message. */
export interface RtmpMessage {
  type: number
  /** The message stream: 0 for the connection itself. */
  stream: number
  /** In ms, as it was sent: 32 bits, which begin again after 49 days. */
  timestamp: number
  /** May share memory with the bytes that it came in. */
  body: Buffer
}

/** A peer does not speak RTMP as it should, or exceeds a bound: the connection ends. */
export class RtmpError extends Error {}

/** The body of a message with one number of 32 bits (sections 5.4.1 to 5.4.4). */
export function uint32Body(value: number): Buffer {
  const body = Buffer.alloc(4)
  body.writeUInt32BE(value >>> 0)
  return body
}

/**
 * The number in such a body.
 * @throws RtmpError where there is none
 */
export function readUint32(body: Buffer): number {
  if (body.length < 4) throw new RtmpError('A control message of RTMP is too short.')
  return body.readUInt32BE(0)
}
