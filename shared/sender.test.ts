import { describe, expect, it } from 'vitest'
import { decodeChunk } from './chunk.ts'
import { type Frame, Sender } from './sender.ts'

const LIMITS = { chunkBytes: 4, resumeSeconds: 30, windowBytes: 1000 }
const EPOCH = { at: 0, mimeType: 'video/webm' }

/** Frames in words: `epoch 0`, `0/1:abcd` (epoch/sequence:payload), `end`. */
function words(frames: Iterable<Frame>): string[] {
  return [...frames].map((frame) => {
    if (typeof frame === 'string') {
      const message = JSON.parse(frame) as { type: string; epoch?: number }
      return message.type === 'epoch' ? `epoch ${message.epoch}` : message.type
    }
    const { epoch, sequence, payload } = decodeChunk(frame)
    return `${epoch}/${sequence}:${new TextDecoder().decode(payload)}`
  })
}

const bytes = (text: string) => new TextEncoder().encode(text)

function sender(): Sender {
  const sender = new Sender()
  sender.welcome(0, LIMITS)
  sender.startEpoch(EPOCH)
  return sender
}

describe('Sender', () => {
  it('announces an epoch before its first chunk, and cuts blobs to the size that the server takes', () => {
    const s = sender()
    s.push(bytes('abcdefghij'))
    expect(words(s.take())).toEqual(['epoch 0', '0/0:abcd', '0/1:efgh', '0/2:ij'])
    s.startEpoch({ at: 1000, mimeType: 'video/mp4' })
    s.push(bytes('k'))
    s.end()
    expect(words(s.take())).toEqual(['epoch 1', '1/3:k', 'end'])
    expect(words(s.take())).toEqual([])
  })

  it('keeps what is not acknowledged, and sends from where the server is after a cut', () => {
    const s = sender()
    s.push(bytes('aaaabbbbcccc'))
    words(s.take())
    s.ack(1)
    expect(s.chunks).toBe(2)
    s.push(bytes('dddd'))
    s.welcome(2, LIMITS)
    expect(words(s.take())).toEqual(['epoch 0', '0/2:cccc', '0/3:dddd'])
    s.ack(4)
    expect([s.chunks, s.bytes]).toEqual([0, 0])
  })

  it('announces the epoch of the first chunk that the server lacks, not the newest', () => {
    const s = sender()
    s.push(bytes('aaaabbbb'))
    s.startEpoch(EPOCH)
    s.push(bytes('cccc'))
    words(s.take())
    s.welcome(1, LIMITS)
    expect(words(s.take())).toEqual(['epoch 0', '0/1:bbbb', 'epoch 1', '1/2:cccc'])
  })

  it('stops at the window, and goes on when acknowledgements open it', () => {
    const s = sender()
    s.welcome(0, { ...LIMITS, windowBytes: 20 })
    s.push(bytes('aaaabbbbcccc'))
    expect(words(s.take())).toEqual(['epoch 0', '0/0:aaaa', '0/1:bbbb'])
    expect(words(s.take())).toEqual([])
    s.ack(1)
    expect(words(s.take())).toEqual(['0/2:cccc'])
  })

  it('says end again after a cut that may have swallowed it', () => {
    const s = sender()
    s.push(bytes('aaaa'))
    s.end()
    words(s.take())
    s.welcome(1, LIMITS)
    expect(words(s.take())).toEqual(['end'])
  })

  it('gives up what was never sent, and goes on with the numbers where the server is', () => {
    const s = sender()
    s.welcome(0, { ...LIMITS, windowBytes: 12 })
    s.push(bytes('aaaabbbbcccc'))
    expect(words(s.take())).toEqual(['epoch 0', '0/0:aaaa'])
    expect(s.dropUnsent()).toBe(8)
    s.startEpoch({ at: 9000, mimeType: 'video/webm' })
    s.push(bytes('dddd'))
    s.ack(1)
    expect(words(s.take())).toEqual(['epoch 1', '1/1:dddd'])
  })

  it('takes up a session of which nothing is left, with the numbers where the server is', () => {
    const s = new Sender()
    s.adopt(7, 2)
    s.welcome(7, LIMITS)
    s.startEpoch(EPOCH)
    s.push(bytes('aaaa'))
    expect(words(s.take())).toEqual(['epoch 3', '3/7:aaaa'])
  })

  it('refuses a server that is ahead of it or behind what it keeps', () => {
    const s = sender()
    s.push(bytes('aaaabbbb'))
    words(s.take())
    expect(() => s.ack(3)).toThrow(RangeError)
    s.ack(2)
    expect(() => s.welcome(1, LIMITS)).toThrow(RangeError)
  })
})
