import { describe, expect, it } from 'vitest'
import { LegalPlaylists } from './legal-playlist.ts'

/** As nginx-rtmp 1.2.2 writes it. `marked`: numbers of segments behind a discontinuity. */
function written(sequence: number, seconds: number[], marked: number[] = []): string {
  const target = Math.max(...seconds.map(Math.round))
  const segments = seconds.flatMap((each, index) => [
    ...(marked.includes(sequence + index) ? ['#EXT-X-DISCONTINUITY'] : []),
    `#EXTINF:${each.toFixed(3)},`,
    `name-${sequence + index}.ts`,
  ])
  return [
    '#EXTM3U',
    '#EXT-X-VERSION:3',
    `#EXT-X-MEDIA-SEQUENCE:${sequence}`,
    `#EXT-X-TARGETDURATION:${target}`,
    ...segments,
    '',
  ].join('\n')
}

const numberOf = (text: string, tag: string) => Number(new RegExp(`^#EXT-X-${tag}:(\\d+)$`, 'm').exec(text)?.[1])

describe("nginx's playlist", () => {
  it('counts the discontinuities that have left it (RFC 8216, 4.3.3.3)', () => {
    const lists = new LegalPlaylists()
    const counts = [
      written(5, [2, 2, 2]),
      written(6, [2, 2, 2], [8]),
      written(7, [2, 2, 2], [8]),
      written(8, [2, 2, 2], [8, 10]),
      written(9, [2, 2, 2], [10]),
      written(9, [2, 2, 2], [10]),
      written(20, [2, 2, 2]),
    ].map((text) => numberOf(lists.legal('name', text), 'DISCONTINUITY-SEQUENCE'))
    expect(counts).toEqual([0, 0, 0, 0, 1, 1, 2])
    expect(numberOf(lists.legal('other', written(20, [2])), 'DISCONTINUITY-SEQUENCE')).toBe(0)
  })

  it('has a target duration that holds for all segments, and is never taken back (4.3.3.1)', () => {
    const lists = new LegalPlaylists()
    const targets = [written(0, [2, 2.4]), written(1, [2.4, 4.6]), written(3, [2, 2])].map((text) =>
      numberOf(lists.legal('name', text), 'TARGETDURATION'),
    )
    expect(targets).toEqual([2, 5, 5])
  })

  it('begins anew where nginx does', () => {
    const lists = new LegalPlaylists()
    lists.legal('name', written(50, [9], [50]))
    const text = lists.legal('name', written(0, [2]))
    expect([numberOf(text, 'TARGETDURATION'), numberOf(text, 'DISCONTINUITY-SEQUENCE')]).toEqual([2, 0])
  })

  it('is otherwise as it was', () => {
    const text = written(0, [2, 2], [1])
    const legal = new LegalPlaylists().legal('name', text)
    expect(legal.replace('#EXT-X-DISCONTINUITY-SEQUENCE:0\n', '')).toBe(text)
  })
})
