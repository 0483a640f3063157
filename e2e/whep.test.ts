import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBrowser } from './support/browser.ts'
import { makeTags, TestEncoder, USUAL } from './support/encoder.ts'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { offer } from './support/offer.ts'
import { freePort } from './support/resources.ts'
import { until } from './support/wait.ts'

let gateway: TestGateway
let browser: Browser
beforeAll(async () => {
  const port = `${await freePort()}`
  gateway = await startGateway(['--rtmp', 'embedded', '--webrtc-port', port, '--webrtc-viewers', '2'])
  browser = await startBrowser(['--autoplay-policy=no-user-gesture-required'])
})
afterAll(async () => {
  await browser.close()
  await gateway.stop()
})

/** What the video of a page shows. */
const look = (page: Page) =>
  page.locator('video').evaluate((video: HTMLVideoElement) => ({
    time: video.currentTime,
    width: video.videoWidth,
    isWebRtc: video.srcObject instanceof MediaStream,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
  }))

async function watch(name: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(`${gateway.url}/watch/${name}?methods=whep`)
  return page
}

const ask = (name: string, body: string) =>
  fetch(`${gateway.url}/whep/${name}`, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body })

const receiving = (): string => offer().replaceAll('sendonly', 'recvonly')

describe('a viewer over WebRTC', () => {
  it('sees and hears a broadcast, is counted, and is told when it ends', async () => {
    const loop = await startLoop(gateway, 'watched')
    const page = await watch('watched')
    await until('it plays', async () => {
      const { time, width, frames } = await look(page)
      return time > 3 && width > 0 && frames > 30
    })
    expect((await look(page)).isWebRtc).toBe(true)
    expect((await gateway.stream('watched'))?.viewers).toMatchObject({ whep: 1, flv: 0 })
    const heard = await page.locator('video').evaluate(async (video: HTMLVideoElement) => {
      const context = new AudioContext()
      const meter = context.createAnalyser()
      context.createMediaStreamSource(video.srcObject as MediaStream).connect(meter)
      const samples = new Float32Array(meter.fftSize)
      for (let look = 0; look < 100; look++) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        meter.getFloatTimeDomainData(samples)
        if (samples.some((sample) => Math.abs(sample) > 0.01)) return true
      }
      return false
    })
    expect(heard).toBe(true)
    await loop.stop()
    await page.getByText('The broadcast has ended').waitFor()
    await page.close()
  })

  it('is moved to HTTP-FLV where the picture has B-frames, and told so in words', async () => {
    const tags = await makeTags(['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '2', '-g', '25', '-c:a', 'aac'], 60)
    const encoder = new TestEncoder(gateway.rtmpPort, 'reordered')
    const publishing = encoder.publish(tags)
    await until('it is live', async () => (await gateway.stream('reordered'))?.state === 'live')
    await until('it is refused', async () => {
      const answer = await ask('reordered', receiving())
      if (answer.status === 201) {
        await fetch(new URL(answer.headers.get('location') ?? '', gateway.url), { method: 'DELETE' })
        return false
      }
      const { error } = (await answer.json()) as { error: { message: string } }
      return answer.status === 415 && error.message.includes('B-frames')
    })
    const page = await watch('reordered')
    await until('it plays', async () => (await look(page)).time > 2)
    expect((await look(page)).isWebRtc).toBe(false)
    await page.close()
    await encoder.end()
    await publishing
  })

  it.each([
    ['where nobody broadcasts', 'nobody', receiving(), [404, 'not_found']],
    ['that offers to send', 'nobody', offer(), [422, 'unsupported_offer']],
    ['without H.264', 'nobody', receiving().replaceAll('H264', 'VP8'), [422, 'unsupported_offer']],
    ['with what is no offer', 'nobody', 'hello', [400, 'bad_request']],
  ] as const)('is refused %s', async (_, name, body, refused) => {
    const answer = await ask(name, body)
    const { error } = (await answer.json()) as { error: { code: string } }
    expect([answer.status, error.code]).toEqual(refused)
  })

  it('is refused where there are enough', async () => {
    const tags = await makeTags([...USUAL, '-bf', '0'], 60)
    const encoder = new TestEncoder(gateway.rtmpPort, 'full')
    const publishing = encoder.publish(tags)
    await until('it is live', async () => (await gateway.stream('full'))?.state === 'live')
    const answers = [await ask('full', receiving()), await ask('full', receiving()), await ask('full', receiving())]
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 503])
    for (const answer of answers.slice(0, 2)) {
      const session = new URL(answer.headers.get('location') ?? '', gateway.url)
      expect((await fetch(session, { method: 'DELETE' })).status).toBe(200)
    }
    await encoder.end()
    await publishing
  })
})
