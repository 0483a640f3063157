import { describe, expect, it } from 'vitest'
import type { TargetStatus } from '../../shared/status.ts'
import { findProblems, type Signs } from './problems.ts'

const GOOD: Signs = {
  rtmpProblem: null,
  ffmpegProblem: null,
  connectionProblem: null,
  webhooks: [],
  streams: [],
  recordings: [],
  disk: { freeBytes: 50e9, floorBytes: 1e9 },
  cpu: { used: 0.5, cores: 2 },
}

const target = (state: TargetStatus['state'], lastError: string | null = null): TargetStatus => ({
  ...{
    id: 'x',
    name: 'Twitch',
    host: 'a.example',
    addedBy: 'operator' as const,
    state,
    lastError,
    bytesOut: 0,
    deliveredBytes: 0,
    droppedFrames: 0,
    reconnects: 0,
    liveSince: null,
  },
})
const cam = (change: Partial<Signs['streams'][number]> = {}) => ({
  ...{ name: 'cam', state: 'live' as const, targets: [target('live')], audio: null, advice: null },
  ...{ behindMs: 100, notRecorded: null },
  ...change,
})
const words = (signs: Partial<Signs>) => findProblems({ ...GOOD, ...signs }).map(({ message }) => message)

describe('what is wrong with a gateway', () => {
  it('is nothing where all goes well', () => {
    expect(words({ streams: [cam()] })).toEqual([])
  })

  it.each<[string, Partial<Signs>]>([
    [
      'The RTMP server does not work: nginx was killed by SIGKILL. It is started again.',
      { rtmpProblem: 'nginx was killed by SIGKILL' },
    ],
    [
      'FFmpeg (/usr/bin/ffmpeg) does not run any more. No broadcast can begin.',
      { ffmpegProblem: 'FFmpeg (/usr/bin/ffmpeg) does not run any more' },
    ],
    [
      'Events do not reach hooks.example: it answered 503. They are sent again.',
      { webhooks: [{ host: 'hooks.example', reason: 'it answered 503' }] },
    ],
    ['The disk is almost full: nothing is recorded. Delete recordings.', { disk: { freeBytes: 1, floorBytes: 2 } }],
    [
      '"cam" does not reach Twitch: a.example refused the connection (port 443). It is tried again.',
      { streams: [cam({ targets: [target('retrying', 'a.example refused the connection (port 443)')] })] },
    ],
    [
      '"cam" does not reach Twitch: Not allowed. It is not tried again by itself.',
      { streams: [cam({ targets: [target('failed', 'Not allowed.')] })] },
    ],
    [
      '"cam": Set the keyframe interval of the encoder to 2 s.',
      { streams: [cam({ advice: 'Set the keyframe interval of the encoder to 2 s.' })] },
    ],
    ['"cam" is not recorded: the disk is full.', { streams: [cam({ notRecorded: 'the disk is full.' })] }],
    [
      'A recording of "cam" could not be uploaded: Access Denied. It is tried again.',
      { recordings: [{ stream: 'cam', state: 'ready', problem: 'Access Denied', isGivenUp: false }] },
    ],
    [
      'A recording of "cam" is not an MP4 yet: no room. It is tried again when the gateway is started anew.',
      { recordings: [{ stream: 'cam', state: 'unfinished', problem: 'no room', isGivenUp: true }] },
    ],
    [
      'The sound of "cam" is missing: silence stands in for it.',
      { streams: [cam({ audio: { codec: 'opus', action: 'silence' } })] },
    ],
    ['"cam" waits for its broadcaster.', { streams: [cam({ state: 'waiting' })] }],
    ['"cam" is 7 s behind: its uplink, or this machine, is too slow.', { streams: [cam({ behindMs: 7_200 })] }],
    ['The processors are almost used up: new broadcasts may be late.', { cpu: { used: 1.9, cores: 2 } }],
  ])('is said in words: %s', (message, signs) => {
    expect(words(signs)).toEqual([message])
  })

  it('is no fault where a publisher has entered a target that does not work', () => {
    const targets = [{ ...target('failed', 'x'), addedBy: 'publisher' as const }]
    expect(findProblems({ ...GOOD, streams: [cam({ targets })] })).toMatchObject([{ severity: 'warning' }])
  })

  it('begins with what does not work', () => {
    const recordings = [{ stream: 'cam', state: 'unfinished' as const, problem: 'no room', isGivenUp: false }]
    const all = findProblems({
      ...GOOD,
      recordings,
      streams: [cam({ targets: [target('failed', 'x')], state: 'waiting' })],
    })
    expect(all.map(({ severity, stream }) => [severity, stream])).toEqual([
      ['fault', 'cam'],
      ['warning', 'cam'],
      ['warning', 'cam'],
    ])
  })
})
