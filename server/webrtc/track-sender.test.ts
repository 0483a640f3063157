import { describe, expect, it } from 'vitest'
import { parseRtcp } from './rtcp.ts'
import type { RtpHead } from './secure.ts'
import { TrackSender } from './track-sender.ts'

function sender() {
  const sent: RtpHead[] = []
  return { sent, track: new TrackSender(96, 90_000, (head) => sent.push(head)) }
}

const payloads = (count: number) => Array.from({ length: count }, () => Buffer.from('x'))

describe('what is sent to a viewer', () => {
  it('is numbered without a gap, and the last packet of a picture is marked', () => {
    const { sent, track } = sender()
    track.send(payloads(3), 0)
    track.send(payloads(2), 40)
    const first = sent[0]?.index ?? 0
    expect(sent.map(({ index }) => index - first)).toEqual([0, 1, 2, 3, 4])
    expect(sent.map(({ marker }) => marker)).toEqual([false, false, true, false, true])
    expect(sent.map(({ timestamp }) => timestamp)).toEqual([0, 0, 0, 3600, 3600])
  })

  it('is sent again as it was where it is missing, not twice in a breath, and not what is long gone', () => {
    const { sent, track } = sender()
    track.send(payloads(600), 0)
    const numbers = sent.map(({ index }) => index % 65_536)
    expect(track.resend([numbers[0] ?? 0, numbers[599] ?? 0, numbers[598] ?? 0], 0)).toBe(2)
    expect(sent.slice(-2).map(({ index }) => index)).toEqual([sent[599]?.index, sent[598]?.index])
    expect(track.resend([numbers[599] ?? 0], 10)).toBe(0)
    expect(track.resend([numbers[599] ?? 0], 30)).toBe(1)
  })

  it('has a clock that its reports tell: the same for picture and sound', () => {
    const { track } = sender()
    const epoch = 1_700_000_000_000
    const [report] = parseRtcp(track.report(epoch, epoch + 2_000))
    expect(report).toMatchObject({ kind: 'sender-report', ssrc: track.ssrc, rtpTime: 180_000 })
    expect(report?.kind === 'sender-report' && report.sentAt).toBeCloseTo(epoch + 2_000, 0)
  })
})
