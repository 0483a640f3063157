import { describe, expect, it } from 'vitest'
import { RecordingReader } from '../../containers/reader.ts'
import type { ReceivedFrame } from '../../webrtc/receiver.ts'
import type { AnsweredMedia } from '../../webrtc/sdp.ts'
import { WhipRecording, type Written } from './recording.ts'

const media = (kind: 'video' | 'audio', name: string): AnsweredMedia => ({
  ...{ kind, mid: kind, transportSequenceId: null },
  codec: { payloadType: 96, name, clockRate: 90_000, parameters: '', feedback: [], retransmission: null },
})
const BOTH = [media('audio', 'opus'), media('video', 'vp8')]

const sound = (time: number): ReceivedFrame => ({ kind: 'frame', isKeyframe: true, data: Buffer.from([1]), time })
const picture = (time: number, isKeyframe = false): ReceivedFrame => ({
  ...{ kind: 'frame', isKeyframe, data: Buffer.from([2]), time },
  ...(isKeyframe && { size: { width: 640, height: 360 } }),
})

/** Recordings as they were written, with the tracks that their heads tell. */
class Taken {
  readonly recordings: { at: number; tracks: string[]; writes: number }[] = []
  asked = 0
  readonly #recording: WhipRecording
  #head = false

  constructor(all = BOTH) {
    this.#recording = new WhipRecording(all, { at: null }, () => this.asked++)
  }

  video(...frames: ReceivedFrame[]): void {
    for (const frame of frames) this.#note(this.#recording.take('video', frame))
  }

  audio(...frames: ReceivedFrame[]): void {
    for (const frame of frames) this.#note(this.#recording.take('audio', frame))
  }

  restart(): void {
    this.#recording.restart()
  }

  #note(written: Written[]): void {
    for (const each of written) {
      const recording = this.recordings.at(-1)
      if (each.kind === 'begin') {
        this.recordings.push({ at: each.at, tracks: [], writes: 0 })
        this.#head = true
      } else if (this.#head && recording) {
        this.#head = false
        const reader = new RecordingReader('matroska')
        for (const part of reader.read(each.bytes)) {
          if (part.kind !== 'tracks') continue
          recording.tracks.push(
            ...[part.tracks.video?.codec, part.tracks.audio?.codec].filter((name) => name !== undefined),
          )
        }
      } else if (recording) recording.writes++
    }
  }
}

describe('recordings of a publisher', () => {
  it('begin with a keyframe and sound, and have what comes from there on', () => {
    const taken = new Taken()
    taken.audio(sound(0), sound(20))
    taken.video(picture(25, true))
    taken.audio(sound(40))
    taken.video(picture(58))
    expect(taken.recordings).toEqual([{ at: 0, tracks: ['vp8', 'opus'], writes: 3 }])
  })

  it('do not wait for a sound that does not come, and begin anew with a keyframe when it does', () => {
    const taken = new Taken()
    taken.video(picture(0, true), ...Array.from({ length: 16 }, (_, index) => picture(33 * (index + 1))))
    expect(taken.recordings).toEqual([{ at: 0, tracks: ['vp8'], writes: 17 }])
    taken.audio(sound(600), sound(620))
    taken.video(picture(630))
    expect([taken.asked, taken.recordings.length]).toEqual([1, 1])
    taken.video(picture(660, true), picture(693))
    taken.audio(sound(700))
    expect(taken.recordings.slice(1)).toEqual([{ at: 660, tracks: ['vp8', 'opus'], writes: 3 }])
    taken.video(picture(726), picture(760, true))
    expect(taken.recordings[1]?.writes).toBe(5)
  })

  it('begin with sound alone where no picture comes, and anew with its first keyframe', () => {
    const taken = new Taken()
    taken.audio(...Array.from({ length: 160 }, (_, index) => sound(index * 20)))
    expect(taken.recordings).toMatchObject([{ at: 0, tracks: ['opus'] }])
    taken.video(picture(3200, true))
    taken.audio(sound(3210))
    expect(taken.recordings[1]).toMatchObject({ at: 3200, tracks: ['vp8', 'opus'] })
  })

  it('wait for nothing that was not offered', () => {
    const alone = new Taken([media('video', 'vp8')])
    alone.video(picture(5, true))
    expect(alone.recordings).toEqual([{ at: 0, tracks: ['vp8'], writes: 1 }])
  })

  it('begin anew with the next keyframe where FFmpeg was lost', () => {
    const taken = new Taken([media('video', 'vp8')])
    taken.video(picture(0, true), picture(33))
    taken.restart()
    taken.video(picture(66))
    expect([taken.asked, taken.recordings.length]).toEqual([1, 1])
    taken.video(picture(100, true))
    expect(taken.recordings[1]).toEqual({ at: 100, tracks: ['vp8'], writes: 1 })
  })
})
