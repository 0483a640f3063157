import { describe, expect, it } from 'vitest'
import { decodeChunk, encodeChunk } from './chunk.ts'
import { GatewayError } from './errors.ts'
import { parseClientMessage, parseServerMessage } from './messages.ts'
import { containerOf } from './recorder-type.ts'
import { isStreamName } from './stream-name.ts'

describe('a chunk', () => {
  it('carries epoch and sequence as unsigned big-endian numbers before the payload', () => {
    const frame = encodeChunk({ epoch: 1, sequence: 0xfffffffe, payload: Uint8Array.of(7, 8) })
    expect([...frame]).toEqual([0, 0, 0, 1, 255, 255, 255, 254, 7, 8])
    expect(decodeChunk(frame)).toEqual({ epoch: 1, sequence: 0xfffffffe, payload: Uint8Array.of(7, 8) })
  })

  it('is refused without a payload, and with numbers that do not fit', () => {
    expect(() => decodeChunk(new Uint8Array(8))).toThrow(GatewayError)
    expect(() => encodeChunk({ epoch: -1, sequence: 0, payload: Uint8Array.of(1) })).toThrow(RangeError)
    expect(() => encodeChunk({ epoch: 0, sequence: 2 ** 32, payload: Uint8Array.of(1) })).toThrow(RangeError)
  })
})

describe('a message of a client', () => {
  it.each([
    ['not JSON', '{'],
    ['no object', '[]'],
    ['an unknown type', '{"type":"hallo"}'],
    ['a hello without a session', '{"type":"hello"}'],
    ['a session that is a number', '{"type":"hello","session":1}'],
    ['a negative epoch', '{"type":"epoch","epoch":-1,"at":0,"mimeType":"video/webm"}'],
    ['an epoch above 2^32', '{"type":"epoch","epoch":4294967296,"at":0,"mimeType":"video/webm"}'],
    ['a time that is text', '{"type":"epoch","epoch":0,"at":"0","mimeType":"video/webm"}'],
    ['a time of ages', '{"type":"epoch","epoch":0,"at":1e300,"mimeType":"video/webm"}'],
    ['a type that is missing', '{"type":"epoch","epoch":0,"at":0}'],
  ])('is refused with bad_message: %s', (_, text) => {
    expect(() => parseClientMessage(text)).toThrow(expect.objectContaining({ code: 'bad_message' }))
  })

  it('keeps the fields that it knows and drops the others', () => {
    expect(parseClientMessage('{"type":"hello","session":null,"colour":"red"}')).toEqual({
      type: 'hello',
      session: null,
    })
  })
})

describe('a message of the server', () => {
  it('is ignored when it is of a kind that this version does not know, or not whole', () => {
    expect(parseServerMessage('{"type":"weather"}')).toBeNull()
    expect(parseServerMessage('{"type":"ack"}')).toBeNull()
    expect(parseServerMessage('nonsense')).toBeNull()
    expect(parseServerMessage('{"type":"ack","next":3}')).toEqual({ type: 'ack', next: 3 })
  })
})

describe('names and types', () => {
  it('takes 1 to 64 letters, digits, _ and - as a stream name', () => {
    expect(['a', 'My_stream-1', 'x'.repeat(64)].every(isStreamName)).toBe(true)
    expect(['', 'x'.repeat(65), 'a b', '../x', 'ä', 'a.b', null].some(isStreamName)).toBe(false)
  })

  it('knows the containers of browsers, whatever codecs follow', () => {
    expect(containerOf('video/x-matroska;codecs=avc1.420020,opus')).toBe('matroska')
    expect(containerOf('Video/WebM; codecs="vp8"')).toBe('matroska')
    expect(containerOf('video/mp4')).toBe('mp4')
    expect(containerOf('application/vnd.apple.mpegurl')).toBeNull()
    expect(containerOf('')).toBeNull()
  })
})
