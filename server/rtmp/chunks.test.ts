import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChunkReader } from './chunk-reader.ts'
import { writeMessage } from './chunk-writer.ts'
import { MESSAGE, RtmpError, type RtmpMessage, uint32Body } from './messages.ts'

const MAX = 0xffffff
const bytes = (hex: string) => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')

/** The messages in `data`, which comes in pieces of these lengths, again and again. */
function messagesIn(data: Buffer, lengths: readonly number[] = [data.length || 1], reader = new ChunkReader(MAX)) {
  const found: RtmpMessage[] = []
  for (let at = 0, piece = 0; at < data.length; piece++) {
    const end = at + (lengths[piece % lengths.length] ?? 1)
    for (const message of reader.read(data.subarray(at, end))) {
      found.push({ ...message, body: Buffer.from(message.body) })
    }
    at = end
  }
  return found
}

const text = (messages: RtmpMessage[]) => messages.map(({ timestamp, body }) => [timestamp, body.toString()])

describe('chunks', () => {
  it('are those of the examples of the specification (5.3.2.1): four messages of audio, with a header and without', () => {
    const body = 'aa'.repeat(32)
    const data = bytes(`03 0003e8 000020 08 39300000 ${body} 83 000014 ${body} c3 ${body} c3 ${body}`)
    const messages = messagesIn(data)
    expect(messages.map(({ timestamp }) => timestamp)).toEqual([1000, 1020, 1040, 1060])
    expect(messages.every(({ type, stream, body }) => type === 8 && stream === 12345 && body.length === 32)).toBe(true)
  })

  it('are those of the second example (5.3.2.2): a message of 307 bytes in three chunks', () => {
    const [first, second, third] = [Buffer.alloc(128, 1), Buffer.alloc(128, 2), Buffer.alloc(51, 3)]
    const head = bytes('04 0003e8 000133 09 3a300000')
    const data = Buffer.concat([head, first, bytes('c4'), second, bytes('c4'), third])
    const [message] = messagesIn(data)
    expect(message).toMatchObject({ type: 9, stream: 12346, timestamp: 1000 })
    expect(message?.body).toEqual(Buffer.concat([first, second, third]))
  })

  it('take the time of a whole header for the step where a message without a header follows (5.3.1.2.4)', () => {
    expect(text(messagesIn(bytes('03 000028 000001 08 01000000 61 c3 62')))).toEqual([
      [40, 'a'],
      [80, 'b'],
    ])
  })

  it.each([
    ['two bytes', '00 10', 80],
    ['three bytes', '01 10 01', 336],
  ])('have an id in %s (5.3.1.1)', (_, head) => {
    const data = bytes(`${head} 000000 000001 08 01000000 61 ${head.replace(/^0/, 'c')} 62`)
    expect(text(messagesIn(data))).toEqual([
      [0, 'a'],
      [0, 'b'],
    ])
  })

  it('have times above 24 bits, which chunks that go on repeat (5.3.1.3), or not, as old encoders do', () => {
    const body = Buffer.alloc(200, 7)
    const head = bytes('03 ffffff 0000c8 08 01000000 12345678')
    const [first, second] = [body.subarray(0, 128), body.subarray(128)]
    for (const again of ['c3 12345678', 'c3']) {
      const [message, ...others] = messagesIn(Buffer.concat([head, first, bytes(again), second]))
      expect([message?.timestamp, message?.body.equals(body), others.length]).toEqual([0x12345678, true, 0])
    }
  })

  it('step over the end of 32 bits', () => {
    const data = bytes('03 ffffff 000001 08 01000000 fffffff0 61  83 000020 62')
    expect(text(messagesIn(data))).toEqual([
      [0xfffffff0, 'a'],
      [0x10, 'b'],
    ])
  })

  it('are as large as was said last (5.4.1), and a message is forgotten where that is said (5.4.2)', () => {
    const setSize = writeMessage({ chunkStream: 2, type: MESSAGE.setChunkSize, stream: 0, timestamp: 0 }, uint32Body(4))
    const abort = writeMessage({ chunkStream: 2, type: MESSAGE.abort, stream: 0, timestamp: 0 }, uint32Body(3), 4)
    const begun = bytes('03 000000 00000a 08 01000000 61616161')
    const whole = writeMessage({ chunkStream: 3, type: 8, stream: 1, timestamp: 5 }, Buffer.from('0123456789'), 4)
    const messages = messagesIn(Buffer.concat([...setSize, begun, ...abort, ...whole]))
    expect(text(messages.filter(({ type }) => type === 8))).toEqual([[5, '0123456789']])
  })

  it('of several messages come between each other', () => {
    const a = writeMessage({ chunkStream: 4, type: 8, stream: 1, timestamp: 1 }, Buffer.alloc(200, 'a'), 128)
    const b = writeMessage({ chunkStream: 6, type: 9, stream: 1, timestamp: 2 }, Buffer.alloc(200, 'b'), 128)
    const mixed = [a[0], a[1], b[0], b[1], a[2], a[3], b[2], b[3]].map((piece) => piece ?? Buffer.alloc(0))
    expect(text(messagesIn(Buffer.concat(mixed)))).toEqual([
      [1, 'a'.repeat(200)],
      [2, 'b'.repeat(200)],
    ])
  })

  it.each([
    ['begin with one that needs another before it', '83 000014'],
    ['begin without a header', 'c3 61'],
    [
      'begin a message in the middle of another of the same stream',
      `03 000000 000100 08 01000000 ${'61'.repeat(128)} 03 000000 000001 08 01000000 62`,
    ],
    ['have a size of 0', '02 000000 000004 01 00000000 00000000'],
  ])('are refused where they %s', (_, hex) => {
    expect(() => messagesIn(bytes(hex))).toThrow(RtmpError)
  })

  it('of a message that is too large are refused at its header', () => {
    expect(() => messagesIn(bytes('03 000000 010001 14 00000000'), [1], new ChunkReader(0x10000))).toThrow(
      '65537 bytes',
    )
  })

  it('cost memory as their bytes come, and not as headers announce them', () => {
    const reader = new ChunkReader(MAX)
    for (let id = 3; id < 60; id++) {
      const head = Buffer.concat([Buffer.from([id]), bytes('000000 ffffff 09 01000000'), Buffer.alloc(128)])
      for (const _ of reader.read(head)) throw new Error('A message is whole.')
    }
    expect(reader.unfinishedBytes).toBeLessThan(60 * 1024)
    expect(() => {
      for (let id = 64; id < 400; id++) {
        const head = Buffer.concat([Buffer.from([0, id - 64]), bytes('000000 ffffff 09 01000000'), Buffer.alloc(128)])
        messagesIn(head, [head.length], reader)
      }
    }).toThrow('chunk streams')
  })

  it('bound what is unfinished in all', () => {
    const reader = new ChunkReader(100_000)
    const setSize = writeMessage({ chunkStream: 2, type: 1, stream: 0, timestamp: 0 }, uint32Body(90_000))
    messagesIn(Buffer.concat(setSize), undefined, reader)
    expect(() => {
      for (let id = 3; id < 60; id++) {
        const head = Buffer.concat([Buffer.from([id]), bytes('000000 0186a0 09 01000000'), Buffer.alloc(90_000)])
        messagesIn(head, [head.length], reader)
      }
    }).toThrow('unfinished')
  })

  it('give the same messages wherever they are cut', () => {
    const message = fc.record({
      chunkStream: fc.integer({ min: 3, max: 63 }),
      type: fc.constantFrom(8, 9, 18, 20),
      stream: fc.integer({ min: 0, max: 0xffffffff }),
      timestamp: fc.integer({ min: 0, max: 0xffffffff }),
      body: fc.uint8Array({ maxLength: 700 }).map((body) => Buffer.from(body)),
    })
    const lengths = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), lengths, (messages, lengths) => {
        const data = Buffer.concat(messages.flatMap(({ body, ...head }) => writeMessage(head, body, 128)))
        const expected = messages.map(({ chunkStream: _, ...rest }) => rest)
        expect(messagesIn(data, lengths)).toEqual(expected)
      }),
    )
  })

  it('of a hostile peer are read or refused, and hold no more than the bound', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.integer({ min: 1, max: 50 }), (data, length) => {
        const reader = new ChunkReader(10_000)
        try {
          messagesIn(Buffer.from(data), [length], reader)
        } catch (error) {
          expect(error).toBeInstanceOf(RtmpError)
        }
        expect(reader.unfinishedBytes).toBeLessThan(10_000 + 1024 * 1024 + 100)
      }),
      { numRuns: 1_000 },
    )
  })
})
