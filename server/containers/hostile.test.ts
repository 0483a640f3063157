import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeChunk } from '../../shared/chunk.ts'
import { GatewayError } from '../../shared/errors.ts'
import { parseClientMessage } from '../../shared/messages.ts'
import type { RecorderContainer } from '../../shared/recorder-type.ts'
import { FlvReader } from '../flv/reader.ts'
import { readSps } from '../flv/sps.ts'
import { RecordingReader } from './reader.ts'
import { ReplayBuffer } from './replay.ts'

const RUNS = { numRuns: 2000 }

const beginning = (name: string, bytes: number) =>
  readFileSync(new URL(`../../e2e/media/${name}`, import.meta.url)).subarray(0, bytes)

/** A real beginning of a recording with some bytes changed, cut somewhere. */
function damaged(file: Buffer): fc.Arbitrary<Buffer> {
  const change = fc.tuple(fc.nat(file.length - 1), fc.nat(255))
  return fc.tuple(fc.array(change, { maxLength: 12 }), fc.nat(file.length)).map(([changes, length]) => {
    const copy = Buffer.from(file)
    for (const [at, value] of changes) copy[at] = value
    return copy.subarray(0, length)
  })
}

const anyBytes = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes))
const webm = fc.oneof(anyBytes, damaged(beginning('chrome-h264.webm', 600)), damaged(beginning('chrome-vp8.webm', 600)))
const mp4 = fc.oneof(
  anyBytes,
  damaged(beginning('chrome-h264.mp4', 1500)),
  damaged(beginning('synthetic-h264-aac.mp4', 1500)),
)

/** Does it, and takes a refusal. */
function tolerant(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError)
  }
}

describe('whatever a publisher sends', () => {
  it('a recording is handed on, waited for, or refused by name, and what is kept of it for another FFmpeg is no more', () => {
    const holds = (container: RecorderContainer) => (bytes: Buffer, size: number) => {
      const reader = new RecordingReader(container)
      let replay = new ReplayBuffer({ header: Buffer.alloc(0), prefix: Buffer.alloc(0), offset: 0 })
      let handed = 0
      tolerant(() => {
        for (let at = 0; at < bytes.length; at += size) {
          for (const part of reader.read(bytes.subarray(at, at + size))) {
            if (part.kind === 'begin') {
              replay = new ReplayBuffer(part)
              handed += part.jump === null ? part.header.length : 0
            } else if (part.kind === 'bytes') {
              replay.push(part.bytes, part.points)
              handed += part.bytes.length
            }
          }
          replay.published(at)
        }
      })
      expect(handed).toBeLessThanOrEqual(bytes.length)
      expect(replay.bytes()?.length ?? 0).toBeLessThanOrEqual(bytes.length + 100)
    }
    const size = fc.integer({ min: 1, max: 5000 })
    const webms = fc.oneof(webm, damaged(beginning('chrome-h264.webm', 30_000)))
    const mp4s = fc.oneof(mp4, damaged(beginning('chrome-h264.mp4', 30_000)))
    fc.assert(fc.property(webms, size, holds('matroska')), RUNS)
    fc.assert(fc.property(mp4s, size, holds('mp4')), RUNS)
  })

  it('a frame is a chunk or a message, or breaks the protocol by name', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => tolerant(() => decodeChunk(bytes))),
      RUNS,
    )
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => tolerant(() => parseClientMessage(text))),
      RUNS,
    )
    const types = fc.constantFrom('hello', 'epoch', 'end', 'ping', 'welcome', '__proto__')
    const message = fc.record({
      type: types,
      epoch: fc.anything(),
      at: fc.anything(),
      mimeType: fc.anything(),
      session: fc.anything(),
    })
    fc.assert(
      fc.property(message, (fields) => tolerant(() => parseClientMessage(JSON.stringify(fields) ?? ''))),
      RUNS,
    )
  })

  it('a parameter set is a size or nothing', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const sps = readSps(bytes)
        if (sps) expect(sps.width * sps.height).toBeGreaterThan(0)
      }),
      RUNS,
    )
  })

  it('what FFmpeg makes of it is tags, or an error that ends that FFmpeg', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const reader = new FlvReader()
        try {
          for (const tag of reader.read(
            Buffer.concat([Buffer.from('FLV\x01\x05\0\0\0\x09\0\0\0\0', 'latin1'), bytes]),
          )) {
            expect(tag.body.length).toBeLessThanOrEqual(bytes.length)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
      RUNS,
    )
  })
})
