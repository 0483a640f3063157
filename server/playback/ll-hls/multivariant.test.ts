import { beforeEach, describe, expect, it } from 'vitest'
import { beginEpoch, frames } from '../../../e2e/support/tags.ts'
import type { Broadcast } from '../../broadcast/broadcast.ts'
import { Directory } from '../../broadcast/directory.ts'
import { LlHlsOrigin } from './origin.ts'

let broadcast: Broadcast
let origin: LlHlsOrigin
beforeEach(() => {
  broadcast = new Directory().claim('name', 'recorder')
  origin = new LlHlsOrigin(broadcast)
})

function send(epoch: number, at: number, height: 720 | 540 | null, size: number): void {
  const writer = beginEpoch(broadcast, epoch, at, height)
  for (const tag of frames(0, 6_500, { size, video: height !== null })) writer.write(tag)
}

/** The attributes of its one rendition. */
function told(): Map<string, string> {
  const lines = origin.multivariant('ll.m3u8').split('\n')
  expect(lines.slice(0, 2)).toEqual(['#EXTM3U', '#EXT-X-VERSION:9'])
  expect(lines[3]).toBe('ll.m3u8')
  const attributes = [...(lines[2] ?? '').matchAll(/([A-Z-]+)=("[^"]*"|[^,]*)/g)]
  return new Map(attributes.map(([, name = '', value = '']) => [name, value]))
}

describe('the multivariant playlist', () => {
  it('tells what the stream is, and what it needs of a line (RFC 8216bis, 4.4.6.2)', () => {
    send(0, 0, 720, 5_000)
    const attributes = told()
    expect(Object.fromEntries(attributes)).toMatchObject({
      CODECS: '"avc1.42c020,mp4a.40.2"',
      RESOLUTION: '1280x720',
      'VIDEO-RANGE': 'SDR',
    })
    expect(Number(attributes.get('FRAME-RATE'))).toBeCloseTo(30, 1)
    // 30 pictures of 5000 bytes, and what is around them.
    const [peak, average] = [Number(attributes.get('BANDWIDTH')), Number(attributes.get('AVERAGE-BANDWIDTH'))]
    expect(average).toBeGreaterThan(1_200_000)
    expect(average).toBeLessThan(1_300_000)
    expect(peak).toBeGreaterThanOrEqual(average)
    expect(peak).toBeLessThan(1.1 * average)
  })

  it('is true again after a change', () => {
    send(0, 0, 720, 5_000)
    send(1, 6_500, 540, 500)
    const attributes = told()
    expect(attributes.get('RESOLUTION')).toBe('960x540')
    expect(Number(attributes.get('BANDWIDTH'))).toBeLessThan(300_000)
  })

  it('tells of sound alone', () => {
    send(0, 0, null, 0)
    const attributes = told()
    expect(attributes.get('CODECS')).toBe('"mp4a.40.2"')
    expect([...attributes.keys()]).toEqual(['BANDWIDTH', 'AVERAGE-BANDWIDTH', 'CODECS'])
  })
})
