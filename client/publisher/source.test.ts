import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type FakeDevices, FakeStream, FakeTrack, plugIn } from '../capture/fake-devices.ts'
import { qualityOf } from '../record/quality.ts'
import { type DeviceEvent, Source } from './source.ts'

const QUALITY = qualityOf('720p')
const ANY = { camera: '', microphone: '', music: false }

let devices: FakeDevices
let told: string[]
let lists: number
let source: Source
beforeEach(() => {
  devices = plugIn()
  told = []
  lists = 0
  source = new Source(
    ({ what, change, label }: DeviceEvent) => told.push(`${what} ${change} ${label}`),
    () => lists++,
  )
})
afterEach(() => {
  source.close()
  expect(devices.live).toEqual([])
  vi.unstubAllGlobals()
})

/** Holds the browser's answers back until the returned function is called. */
function held(): () => void {
  let answer = () => {}
  devices.answer = new Promise((resolve) => {
    answer = resolve
  })
  return answer
}

describe('a source', () => {
  it('opens a camera and a microphone at one question, and nothing that was not chosen', async () => {
    await source.openCamera(ANY, QUALITY)
    expect(devices.live).toEqual(['front', 'built-in'])
    source.close()
    await source.openCamera({ ...ANY, camera: 'none' }, QUALITY)
    expect(devices.live).toEqual(['built-in'])
    expect([source.kind, source.stream, source.isOpen]).toEqual(['camera', null, true])
    source.close()
    await source.openCamera({ ...ANY, camera: 'none', microphone: 'none' }, QUALITY)
    expect([devices.live, source.isOpen]).toEqual([[], false])
  })

  it('keeps the microphone where another camera is chosen, and the old picture until it is released', async () => {
    await source.openCamera(ANY, QUALITY)
    const microphone = source.microphone
    await source.openCamera({ ...ANY, camera: 'rear' }, QUALITY)
    expect(devices.live).toEqual(['front', 'built-in', 'rear'])
    expect(source.microphone).toBe(microphone)
    source.releaseOld()
    expect(devices.live).toEqual(['built-in', 'rear'])
  })

  it('releases each old picture where several were opened before anything was released', async () => {
    for (const camera of ['front', 'rear', 'front', 'rear']) await source.openCamera({ ...ANY, camera }, QUALITY)
    source.releaseOld()
    expect(devices.live).toEqual(['built-in', 'rear'])
  })

  it('opens the microphone anew where it is to hear music, and not where nothing changed', async () => {
    await source.openCamera(ANY, QUALITY)
    await source.openMicrophone(ANY, QUALITY)
    expect(devices.captured).toHaveLength(2)
    await source.openMicrophone({ ...ANY, music: true }, QUALITY)
    expect(devices.captured).toHaveLength(3)
    expect(devices.live).toEqual(['front', 'built-in'])
    await source.openMicrophone({ ...ANY, microphone: 'none' }, QUALITY)
    expect([devices.live, source.microphone]).toEqual([['front'], null])
  })

  it('keeps the microphone beside a screen, and the sound of the screen with its picture', async () => {
    await source.openCamera(ANY, QUALITY)
    devices.screenHasSound = true
    await source.openScreen(QUALITY)
    source.releaseOld()
    expect(devices.live).toEqual(['built-in', 'screen', 'tab'])
    expect(source.kind).toBe('screen')
  })

  it('stays what it is where the browser refuses', async () => {
    await source.openCamera(ANY, QUALITY)
    devices.refusal = new DOMException('no', 'NotAllowedError')
    await expect(source.openScreen(QUALITY)).rejects.toMatchObject({ code: 'cancelled' })
    await expect(source.openCamera({ ...ANY, camera: 'gone' }, QUALITY)).rejects.toMatchObject({ code: 'no_device' })
    expect([source.kind, devices.live]).toEqual(['camera', ['front', 'built-in']])
  })

  it.each([
    ['a camera', () => source.openCamera(ANY, QUALITY)],
    ['a microphone', () => source.openMicrophone(ANY, QUALITY)],
    ['a screen', () => source.openScreen(QUALITY)],
  ])('releases at once %s that is allowed after it was closed', async (_, open) => {
    const answer = held()
    const opening = open()
    source.close()
    answer()
    await opening
    expect(devices.captured.length).toBeGreaterThan(0)
    expect([devices.live, source.isOpen]).toEqual([[], false])
  })

  it('tells what happens to what is open, and nothing of what was left', async () => {
    await source.openCamera(ANY, QUALITY)
    const [camera, microphone] = [devices.track('front'), devices.track('built-in')]
    camera.happen('mute')
    camera.happen('unmute')
    microphone.happen('ended')
    expect(told.splice(0)).toEqual(['camera muted front', 'camera unmuted front', 'microphone ended built-in'])
    source.closeMicrophone()
    await source.openCamera({ ...ANY, camera: 'rear' }, QUALITY)
    source.releaseOld()
    camera.happen('ended')
    microphone.happen('mute')
    expect(told).toEqual([])
    devices.track('rear').happen('ended')
    expect(told).toEqual(['camera ended rear'])
  })

  it('follows devices that come and go from the first one that is opened, until it is closed', async () => {
    devices.dispatchEvent(new Event('devicechange'))
    expect(lists).toBe(0)
    await source.openCamera(ANY, QUALITY)
    devices.cameras = ['front', 'rear', 'plugged in']
    devices.dispatchEvent(new Event('devicechange'))
    await vi.waitFor(() => expect(source.cameras.map(({ id }) => id)).toEqual(['front', 'rear', 'plugged in']))
    expect(lists).toBe(2)
    source.close()
    devices.dispatchEvent(new Event('devicechange'))
    await Promise.resolve()
    expect(lists).toBe(2)
  })

  it("never stops a stream of the page's own, and releases what it had opened before", async () => {
    await source.openCamera(ANY, QUALITY)
    const own = new FakeTrack('video', 'canvas')
    source.takeStream(new FakeStream([own]) as unknown as MediaStream)
    source.releaseOld()
    expect(devices.live).toEqual([])
    own.happen('mute')
    expect(told).toEqual(['stream muted canvas'])
    source.close()
    expect(own.readyState).toBe('live')
  })
})
