import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PacketQueue } from './packet-queue.ts'
import type { RtpPacket } from './rtp.ts'

const packet = (sequence: number): RtpPacket => ({
  ...{ payloadType: 96, marker: false, sequence: sequence & 0xffff, timestamp: 0, ssrc: 1 },
  ...{ payload: Buffer.from([1]), extensions: null, bytes: Buffer.alloc(0) },
})

const numbers = (ordered: { packet: RtpPacket; lostBefore: number }[]) =>
  ordered.map(({ packet, lostBefore }) => (lostBefore > 0 ? `${lostBefore}!${packet.sequence}` : packet.sequence))

describe('packets of one source', () => {
  it('come out in order, across the end of their numbers', () => {
    const queue = new PacketQueue()
    const out = [65534, 0, 65535, 1].flatMap((sequence) => numbers(queue.push(packet(sequence), 0)))
    expect(out).toEqual([65534, 65535, 0, 1])
    expect([queue.highest, queue.expected]).toEqual([65536 + 1, 4])
  })

  it('are asked for when they are missing, four times, and are waited for 250 ms', () => {
    const queue = new PacketQueue()
    queue.push(packet(1), 0)
    queue.push(packet(4), 0)
    expect(queue.tick(4).asks).toEqual([])
    const asks = Array.from({ length: 24 }, (_, index) => queue.tick(10 * (index + 1)).asks)
    expect(asks.flat()).toEqual([2, 3, 2, 3, 2, 3, 2, 3])
    expect(numbers(queue.tick(249).ordered)).toEqual([])
    expect(numbers(queue.tick(250).ordered)).toEqual(['2!4'])
    expect(queue.counters).toEqual({ received: 2, asked: 2, recovered: 0, lost: 2 })
  })

  it('count as recovered where they come when they were asked for', () => {
    const queue = new PacketQueue()
    queue.push(packet(1), 0)
    queue.push(packet(3), 0)
    queue.tick(10)
    expect(numbers(queue.push(packet(2), 40))).toEqual([2, 3])
    expect(queue.counters).toEqual({ received: 3, asked: 1, recovered: 1, lost: 0 })
  })

  it('count as nothing where they come twice, or too late', () => {
    const queue = new PacketQueue()
    expect(numbers([...queue.push(packet(1), 0), ...queue.push(packet(1), 0), ...queue.push(packet(0), 0)])).toEqual([
      1,
    ])
    expect(queue.counters.received).toBe(1)
  })

  it('are not asked for where their numbers jump: the sender has begun anew', () => {
    const queue = new PacketQueue()
    queue.push(packet(1), 0)
    expect(numbers(queue.push(packet(5000), 0))).toEqual(['1!5000'])
    expect(queue.tick(100).asks).toEqual([])
    expect(queue.counters.lost).toBe(0)
  })

  it('come out sorted and once, with what is lost told, whatever happens on the way', () => {
    const steps = fc.array(fc.record({ sequence: fc.nat(400), after: fc.nat(60) }), { maxLength: 300 })
    fc.assert(
      fc.property(steps, (arrivals) => {
        const queue = new PacketQueue()
        let now = 0
        const out: number[] = []
        let lost = 0
        const take = (ordered: { packet: RtpPacket; lostBefore: number }[]) => {
          for (const each of ordered) {
            if (out.length > 0) expect(each.packet.sequence).toBe((out.at(-1) ?? 0) + each.lostBefore + 1)
            out.push(each.packet.sequence)
            lost += each.lostBefore
          }
        }
        for (const { sequence, after } of arrivals) {
          now += after
          take(queue.push(packet(sequence), now))
          take(queue.tick(now).ordered)
        }
        take(queue.tick(now + 1000).ordered)
        expect(queue.counters).toMatchObject({ received: out.length, lost })
      }),
    )
  })
})
