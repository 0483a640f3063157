import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeStream, FakeTrack } from '../capture/fake-devices.ts'
import { Mixer } from './mixer.ts'

/** What is connected to what goes out, by the label of its track, with how loud it goes on. */
let heard: Map<FakeTrack, FakeGain>
let context: FakeContext
let changes: number

class FakeGain {
  readonly gain
  constructor(_: unknown, { gain }: { gain: number }) {
    this.gain = {
      value: gain,
      setTargetAtTime(value: number) {
        this.value = value
      },
    }
  }
  connect() {}
  disconnect() {}
}

class FakeContext extends EventTarget {
  state: 'suspended' | 'running' | 'closed' = 'suspended'
  currentTime = 0
  /** Whether the browser runs it when it is asked. */
  isAllowed = true
  /** A call that is never answered holds `resume` forever, as Chromium does before a press. */
  async resume() {
    if (!this.isAllowed) return new Promise<void>(() => {})
    this.become('running')
  }
  become(state: FakeContext['state']) {
    if (state === this.state) return
    this.state = state
    this.dispatchEvent(new Event('statechange'))
  }
  async close() {
    this.state = 'closed'
  }
  createMediaStreamSource(stream: FakeStream) {
    const [track] = stream.getTracks()
    if (!track) throw new Error('A source needs a track.')
    return {
      connect(gain: FakeGain) {
        heard.set(track, gain)
        return gain
      },
      disconnect: () => heard.delete(track),
    }
  }
}

let isAllowed = true
const out = new FakeTrack('audio', 'mixed')
let samples: number[] = []

beforeEach(() => {
  vi.useFakeTimers()
  heard = new Map()
  changes = 0
  isAllowed = true
  samples = [0]
  vi.stubGlobal('MediaStream', FakeStream)
  vi.stubGlobal(
    'AudioContext',
    class extends FakeContext {
      override isAllowed = isAllowed
      constructor() {
        super()
        context = this
      }
    },
  )
  vi.stubGlobal(
    'MediaStreamAudioDestinationNode',
    class {
      stream = new FakeStream([out])
    },
  )
  vi.stubGlobal(
    'ConstantSourceNode',
    class {
      connect() {}
      start() {}
    },
  )
  vi.stubGlobal('GainNode', FakeGain)
  vi.stubGlobal(
    'AnalyserNode',
    class {
      getFloatTimeDomainData = (into: Float32Array) => into.set(samples)
    },
  )
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const make = () => new Mixer(() => changes++)
const streamOf = (label: string) => {
  const track = new FakeTrack('audio', label)
  return { track, stream: new FakeStream([track]) as unknown as MediaStream }
}
const loudness = () => Object.fromEntries([...heard].map(([{ label }, { gain }]) => [label, gain.value]))

describe('a mixer', () => {
  it('gives one track, whatever comes and goes', () => {
    const mixer = make()
    const { track } = mixer
    const [microphone, screen, headset] = [streamOf('microphone'), streamOf('tab'), streamOf('headset')]
    mixer.input('microphone', microphone.stream)
    mixer.input('screen', screen.stream)
    expect([mixer.sounds, loudness()]).toEqual([['microphone', 'screen'], { microphone: 1, tab: 1 }])
    mixer.input('microphone', headset.stream)
    expect(loudness()).toEqual({ tab: 1, headset: 1 })
    mixer.input('screen', null)
    mixer.input('microphone', null)
    expect([mixer.sounds, loudness(), mixer.track]).toEqual([[], {}, track])
  })

  it('leaves a sound connected that is given again, and takes none that has ended', () => {
    const mixer = make()
    const { track, stream } = streamOf('microphone')
    mixer.input('microphone', stream)
    const gain = heard.get(track)
    mixer.input('microphone', stream)
    expect(heard.get(track)).toBe(gain)
    track.happen('ended')
    mixer.input('microphone', stream)
    expect([mixer.sounds, heard.size]).toEqual([[], 0])
  })

  it('mutes a sound, also one that comes later, and no other', () => {
    const mixer = make()
    mixer.mute('screen', true)
    mixer.input('microphone', streamOf('microphone').stream)
    mixer.input('screen', streamOf('tab').stream)
    expect(loudness()).toEqual({ microphone: 1, tab: 0 })
    mixer.mute('microphone', true)
    mixer.mute('screen', false)
    expect(loudness()).toEqual({ microphone: 0, tab: 1 })
    mixer.input('microphone', streamOf('headset').stream)
    expect(loudness()).toEqual({ tab: 1, headset: 0 })
  })

  it('says how loud a sound is, from silence to full scale', () => {
    const mixer = make()
    expect(mixer.level('microphone')).toBe(0)
    mixer.input('microphone', streamOf('microphone').stream)
    expect(mixer.level('microphone')).toBe(0)
    samples = [0.1, -1]
    expect(mixer.level('microphone')).toBe(1)
    samples = [0.0316, 0]
    expect(mixer.level('microphone')).toBeCloseTo(0.5, 1)
    samples = [0.0001]
    mixer.input('screen', streamOf('tab').stream)
    expect(mixer.level('screen')).toBe(0)
  })

  it('is not waited for where the browser does not run it, and is asked to run after it was interrupted', async () => {
    isAllowed = false
    const mixer = make()
    const ready = mixer.ready(1_000)
    await vi.advanceTimersByTimeAsync(1_000)
    expect([await ready, mixer.isRunning, vi.getTimerCount()]).toEqual([false, false, 0])
    context.isAllowed = true
    expect(await mixer.ready(1_000)).toBe(true)
    expect([changes, vi.getTimerCount()]).toEqual([1, 0])
    context.become('suspended')
    await vi.advanceTimersByTimeAsync(0)
    expect([mixer.isRunning, changes]).toEqual([true, 3])
  })

  it('leaves nothing connected when it is closed', () => {
    const mixer = make()
    mixer.input('microphone', streamOf('microphone').stream)
    mixer.close()
    expect([heard.size, out.readyState, context.state]).toEqual([0, 'ended', 'closed'])
  })
})
