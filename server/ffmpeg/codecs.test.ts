import { describe, expect, it } from 'vitest'
import { planCodecs } from './codecs.ts'
import { recordingJob } from './jobs.ts'

const H264 = { codec: 'h264' as const, width: 1280, height: 720 }
const VP8 = { codec: 'vp8' as const, width: 641, height: 361 }

/** The value that follows `option`. */
function valueAfter(options: string[], option: string): string | undefined {
  return options.includes(option) ? options[options.indexOf(option) + 1] : undefined
}

describe('planCodecs', () => {
  it('copies H.264 and AAC', () => {
    const plan = planCodecs({ video: H264, audio: { codec: 'aac' } })
    expect(plan.video).toEqual({ ...H264, action: 'copy' })
    expect(plan.audio).toEqual({ codec: 'aac', action: 'copy' })
    expect([valueAfter(plan.outputOptions, '-c:v'), valueAfter(plan.outputOptions, '-c:a')]).toEqual(['copy', 'copy'])
  })

  it('turns Opus into AAC and VP8 into H.264 of even size, at a constant rate, with a keyframe every 2 s', () => {
    const { outputOptions, video, audio } = planCodecs(
      { video: VP8, audio: { codec: 'opus' } },
      { frameRate: 25, videoBitsPerSecond: 1e6 },
    )
    expect([video?.action, audio.action]).toEqual(['transcode', 'transcode'])
    expect(valueAfter(outputOptions, '-c:v')).toBe('libx264')
    expect(valueAfter(outputOptions, '-c:a')).toBe('aac')
    expect(valueAfter(outputOptions, '-g')).toBe('50')
    expect(valueAfter(outputOptions, '-vf')).toContain('scale=640:360')
    for (const rate of ['-b:v', '-maxrate', '-bufsize']) expect(valueAfter(outputOptions, rate)).toBe('1000000')
  })

  it('turns a picture that lies on its side, whatever its codec', () => {
    const plan = planCodecs({ video: { ...H264, width: 720, height: 1280, isTurned: true }, audio: { codec: 'aac' } })
    expect(plan.video).toMatchObject({ codec: 'h264', action: 'transcode', width: 720, height: 1280 })
    expect(valueAfter(plan.outputOptions, '-vf')).toContain('scale=720:1280')
  })

  it('says silence where there is no sound, and leaves out what is not there', () => {
    expect(planCodecs({ video: H264, audio: null }).audio).toEqual({ codec: 'none', action: 'silence' })
    expect(planCodecs({ video: H264, audio: null }).outputOptions).toContain('-an')
    expect(planCodecs({ video: null, audio: { codec: 'opus' } })).toMatchObject({ video: null })
  })

  it('keeps what a publisher claims of rates within bounds', () => {
    const { outputOptions } = planCodecs({ video: VP8, audio: null }, { frameRate: 1e9, videoBitsPerSecond: 1e12 })
    expect(valueAfter(outputOptions, '-r')).toBe('60')
    expect(valueAfter(outputOptions, '-b:v')).toBe('12000000')
  })
})

describe('recordingJob', () => {
  it.each(['matroska', 'mp4'] as const)('names the demuxer of %s, and allows no protocol but pipe', (container) => {
    const { input, inputOptions, output } = recordingJob(container, [], 'resumable', { width: 1920, height: 1080 })
    expect([input, output]).toEqual(['pipe:0', 'pipe:1'])
    expect(valueAfter(inputOptions, '-protocol_whitelist')).toBe('pipe')
    expect(valueAfter(inputOptions, '-f')).toBe(container === 'mp4' ? 'mov' : 'matroska')
  })
})
