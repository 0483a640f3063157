import { expect, it } from 'vitest'
import { RtcpHeader, TransportWideCC } from 'werift'
import { TransportFeedback } from './twcc.ts'

/** Another implementation reads what we write: the packets that it tells of, and when each came, in ms from the reference time on. */
function read(bytes: Buffer) {
  const header = { version: 2, padding: (bytes.readUInt8(0) & 0x20) !== 0, count: 15, type: 205 }
  const found = TransportWideCC.deSerialize(
    bytes.subarray(4),
    Object.assign(new RtcpHeader(header), { length: bytes.length / 4 - 1 }),
  )
  const { baseSequenceNumber: first, packetStatusCount: count, recvDeltas: deltas } = found
  const symbols = found.packetChunks.flatMap((chunk) => ('symbolList' in chunk ? chunk.symbolList : [])).slice(0, count)
  let [at, next] = [0, 0]
  const packets = symbols.map((symbol, index) => {
    if (symbol !== 0) at += (deltas[next++]?.delta ?? Number.NaN) / 1000
    return [(first + index) % 65_536, symbol === 0 ? null : at] as const
  })
  return { first, count, packets }
}

it('a report says when each packet came, and which did not', () => {
  const feedback = new TransportFeedback(1)
  for (const [sequence, at] of [
    [65_534, 1000],
    [65_535, 1001.5],
    [1, 1010],
    [0, 1012],
    [4, 1100],
  ] as const) {
    feedback.note(sequence, at)
  }
  const report = feedback.report(2)
  expect(report && report.length % 4).toBe(0)
  const { first, count, packets } = read(report ?? Buffer.alloc(0))
  expect([first, count]).toEqual([65_534, 7])
  expect(packets.map(([sequence]) => sequence)).toEqual([65_534, 65_535, 0, 1, 2, 3, 4])
  const begin = packets[0]?.[1] ?? 0
  expect(packets.map(([, at]) => at && Math.round((at - begin) * 4) / 4)).toEqual([0, 1.5, 12, 10, null, null, 100])
})

it('tells each packet once, and nothing where nothing came', () => {
  const feedback = new TransportFeedback(1)
  expect(feedback.report(2)).toBeNull()
  feedback.note(10, 0)
  feedback.report(2)
  // It was told of as lost, or was there before.
  feedback.note(9, 5)
  expect(feedback.report(2)).toBeNull()
  feedback.note(13, 20)
  expect(read(feedback.report(2) ?? Buffer.alloc(0))).toMatchObject({ first: 11, count: 3 })
})

it('is bounded where a sender jumps in its numbers', () => {
  const feedback = new TransportFeedback(1)
  feedback.note(0, 0)
  feedback.note(30_000, 1)
  expect(feedback.report(2)?.length).toBeLessThan(400)
})
