import { GatewayError } from './errors.ts'
import { UINT32_MAX } from './limits.ts'

/** Bytes before the recording in a binary frame: epoch and sequence number, both unsigned 32-bit, big-endian. */
export const CHUNK_HEADER_BYTES = 8

/** One piece of a recording on the wire. */
export interface Chunk {
  /** The recorder run that it belongs to, from 0. */
  epoch: number
  /** Its place among all chunks of the session, from 0, counted across epochs. */
  sequence: number
  /** What the recorder gave. */
  payload: Uint8Array
}

/** Writes a chunk as one binary frame. Epoch and sequence must be integers from 0 to 2^32 − 1. */
export function encodeChunk({ epoch, sequence, payload }: Chunk): Uint8Array<ArrayBuffer> {
  if (!isUint32(epoch) || !isUint32(sequence)) {
    throw new RangeError(`A chunk's epoch and sequence are unsigned 32-bit numbers, not ${epoch} and ${sequence}.`)
  }
  const frame = new Uint8Array(CHUNK_HEADER_BYTES + payload.byteLength)
  const view = new DataView(frame.buffer)
  view.setUint32(0, epoch)
  view.setUint32(4, sequence)
  frame.set(payload, CHUNK_HEADER_BYTES)
  return frame
}

/**
 * Reads a binary frame. The payload shares the frame's memory.
 * @throws GatewayError `bad_message` when the frame has no payload
 */
export function decodeChunk(frame: Uint8Array): Chunk {
  if (frame.byteLength <= CHUNK_HEADER_BYTES) {
    throw new GatewayError(
      'bad_message',
      `A chunk has ${CHUNK_HEADER_BYTES} bytes of header and at least one of media.`,
    )
  }
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  return { epoch: view.getUint32(0), sequence: view.getUint32(4), payload: frame.subarray(CHUNK_HEADER_BYTES) }
}

/** Whether `value` is an integer from 0 to 2^32 − 1. */
export function isUint32(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= UINT32_MAX
}
