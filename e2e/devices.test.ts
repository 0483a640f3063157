import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { captures, hold, keepTracks, unplug } from './support/devices.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { decode, ffmpeg } from './support/media.ts'
import { inBlobs, ingestUrl, publish } from './support/publisher.ts'
import { until } from './support/wait.ts'

/** How long viewers are looked at after each event, in ms. */
const AFTERWARDS_MS = 10_000

let browser: Browser
let gateway: TestGateway
let context: BrowserContext
let page: Page
beforeAll(async () => {
  const tab = '--auto-select-tab-capture-source-by-title=● LIVE'
  browser = await startBrowser([...FAKE_CAMERA, '--use-fake-device-for-media-stream=device-count=2', tab])
  gateway = await startGateway(['--rtmp', 'nginx'])
})
afterAll(async () => {
  await browser.close()
  await gateway.stop()
})
beforeEach(async () => {
  context = await browser.newContext({ permissions: ['camera', 'microphone'] })
  page = await context.newPage()
  await page.addInitScript(keepTracks)
})
afterEach(() => context.close())

async function goLive(stream: string): Promise<void> {
  await page.goto(`${gateway.url}/?stream=${stream}`)
  // Three players watch, on the same machine.
  await page.getByLabel('Quality').selectOption('360p')
  await page.getByRole('button', { name: 'Broadcast' }).click()
  await page.getByText('LIVE', { exact: true }).waitFor()
  await until('media of it', async () => ((await gateway.stream(stream))?.bytesIn ?? 0) > 100_000)
}

/** Watches by every way while `event` happens and for ten seconds more: by each, the seconds that went by, and what the player says then. */
async function watched(stream: string, event: () => Promise<void>): Promise<{ played: number; says: string }[]> {
  const viewer = await context.newPage()
  await viewer.goto(`${gateway.url}/watch/${stream}`)
  await viewer.evaluate((name) => {
    document.body.replaceChildren(
      ...['flv', 'll-hls', 'hls'].map((way) => {
        const player = document.createElement('castgate-player')
        player.setAttribute('stream', name)
        player.setAttribute('methods', way)
        return player
      }),
    )
  }, stream)
  const look = () =>
    viewer.evaluate(() =>
      [...document.querySelectorAll('castgate-player')].map(({ shadowRoot }) => ({
        played: shadowRoot?.querySelector('video')?.currentTime ?? 0,
        says: /interrupted|cannot play/.exec(shadowRoot?.textContent ?? '')?.[0] ?? '',
      })),
    )
  await until('all of them play', async () => (await look()).every(({ played }) => played > 1))
  const before = await look()
  await event()
  const end = performance.now() + AFTERWARDS_MS
  await until('ten seconds', () => performance.now() > end)
  const wentOn = ({ played }: { played: number }, index: number) =>
    played - (before[index]?.played ?? 0) > AFTERWARDS_MS / 2000
  // On a busy machine they take their time.
  const after = await until('they play on', async () => {
    const now = await look()
    return now.every(wentOn) ? now : null
  })
  await viewer.close()
  return after.map(({ played, says }, index) => ({ played: played - (before[index]?.played ?? 0), says }))
}

/** Players went on for most of the time; how exactly depends on the machine. */
function expectWentOn(seen: { played: number; says: string }[]): void {
  expect(seen.map(({ says }) => says)).toEqual(['', '', ''])
  for (const { played } of seen) expect(played).toBeGreaterThan(AFTERWARDS_MS / 2000)
}

const epochs = (stream: string) =>
  gateway.log().filter((line) => line.stream === stream && line.msg === 'epoch began').length

async function stop(): Promise<void> {
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('The broadcast has ended').waitFor()
}

describe('while viewers watch by FLV, LL-HLS and HLS', () => {
  it('a microphone that is unplugged is said, offered again and heard again, in the same recording', async () => {
    await goLive('microphone')
    expectWentOn(
      await watched('microphone', async () => {
        await unplug(page, 'audio')
        await page.getByRole('alert').getByText('The microphone').waitFor()
      }),
    )
    expect(await captures(page)).toEqual(['video'])
    await page.getByRole('button', { name: 'Fake', exact: false }).first().click()
    await page.getByRole('meter').waitFor()
    expect((await captures(page)).sort()).toEqual(['audio', 'video'])
    expect(epochs('microphone')).toBe(1)
    await stop()
  })

  it('a camera that is unplugged becomes a card, and is back when another is chosen', async () => {
    await goLive('camera')
    expectWentOn(
      await watched('camera', async () => {
        await unplug(page, 'video')
        await page.getByRole('alert').getByText('The camera').waitFor()
        await page.getByText('Camera off').waitFor()
      }),
    )
    expect(await captures(page)).toEqual(['audio'])
    await page.locator('.offers').getByRole('button').first().click()
    await page.locator('.preview video').waitFor()
    expect(epochs('camera')).toBe(1)
    await stop()
  })

  it('a call that takes camera and microphone is said, and over when the system gives them back', async () => {
    await goLive('call')
    expectWentOn(
      await watched('call', async () => {
        await hold(page, 'video', 'mute')
        await page.getByRole('alert').getByText('held back').waitFor()
        await page.getByText('Camera off').waitFor()
        await hold(page, 'audio', 'mute')
        await page.getByRole('alert').getByText('nobody hears you').waitFor()
      }),
    )
    await hold(page, 'audio', 'unmute')
    await hold(page, 'video', 'unmute')
    await page.locator('.preview video').waitFor()
    await page.getByRole('alert').getByText('nobody hears you').waitFor({ state: 'detached' })
    expect((await captures(page)).sort()).toEqual(['audio', 'video'])
    expect(epochs('call')).toBe(1)
    await stop()
  })

  it('a screen that is shared keeps the microphone, and the camera is back when it is no longer shared', async () => {
    await goLive('screen')
    expectWentOn(
      await watched('screen', async () => {
        await page.getByText('Screen', { exact: true }).click()
        await page.getByRole('button', { name: 'Choose another screen' }).waitFor()
      }),
    )
    // The camera is off meanwhile; the microphone, and where the browser gives it the tab's sound, are heard.
    expect((await captures(page)).filter((kind) => kind === 'video')).toHaveLength(1)
    expect((await gateway.stream('screen'))?.audio).toMatchObject({ action: 'transcode' })
    await page.getByRole('button', { name: 'Mute', exact: true }).waitFor()
    await unplug(page, 'video')
    await page.getByRole('radio', { name: 'Camera' }).and(page.locator(':checked')).waitFor()
    await page.locator('.preview video.mirrored').waitFor()
    expect(epochs('screen')).toBe(1)
    await page.getByText('LIVE', { exact: true }).waitFor()
    await stop()
  })
})

describe('a page that is reloaded', () => {
  it('has on air what was on before, and nothing that was off', async () => {
    await page.goto(`${gateway.url}/?stream=kept`)
    await page.getByLabel('Quality').selectOption('360p')
    await page.getByLabel('Camera', { exact: true }).last().selectOption('none')
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await page.getByText('LIVE', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Mute' }).click()
    await until('media of it', async () => ((await gateway.stream('kept'))?.bytesIn ?? 0) > 10_000)
    await page.reload()
    await page.getByText('LIVE', { exact: true }).waitFor()
    expect(await captures(page)).toEqual(['audio'])
    expect(await page.getByRole('button', { name: 'Mute' }).getAttribute('aria-pressed')).toBe('true')
    expect(await page.getByLabel('Quality').inputValue()).toBe('360p')
    await until('its second recording', () => epochs('kept') === 2)
    await stop()
  })

  it('shows a card in the place of a screen, captures nothing, and goes on when one is chosen', async () => {
    await goLive('slides')
    await page.getByText('Screen', { exact: true }).click()
    await page.getByRole('button', { name: 'Choose another screen' }).waitFor()
    await page.reload()
    await page.getByText('Choose the screen again to go on.').waitFor()
    await page.getByText('LIVE', { exact: true }).waitFor()
    expect(await captures(page)).toEqual([])
    await page.getByRole('button', { name: 'Choose a screen' }).first().click()
    await page.getByRole('button', { name: 'Choose another screen' }).waitFor()
    expect(await captures(page)).toContain('video')
    await stop()
  })

  it('is not taken over by a copy of its tab, and not put on air again by Back', async () => {
    await goLive('copied')
    const kept = await page.evaluate(() => sessionStorage.getItem('castgate.broadcast') ?? '')
    const copy = await context.newPage()
    await copy.addInitScript(keepTracks)
    await copy.addInitScript((value) => sessionStorage.setItem('castgate.broadcast', value), kept)
    await copy.goto(gateway.url)
    await copy.getByText('Press Broadcast').waitFor()
    await copy.reload()
    await copy.getByText('is on air from another tab. Press Broadcast to take it over.').waitFor()
    expect(await captures(copy)).toEqual([])
    await copy.close()
    await page.getByText('LIVE', { exact: true }).waitFor()
    await page.goto('about:blank')
    await page.goBack()
    await page.getByText('is waiting for you. Press Broadcast to go on.').waitFor()
    expect(await captures(page)).toEqual([])
  })
})

describe('the first press', () => {
  it('shows the picture and counts before anybody sees it, and can be taken back', async () => {
    await page.goto(`${gateway.url}/?stream=first`)
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await page.getByRole('timer').waitFor()
    await page.locator('.preview video').waitFor()
    expect(await gateway.stream('first')).toBeNull()
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('button', { name: 'Broadcast' }).waitFor()
    expect(await page.title()).toBe('Castgate studio')
    await page.getByRole('button', { name: 'Broadcast' }).dblclick()
    await page.getByText('LIVE', { exact: true }).waitFor()
    expect(await page.title()).toBe('● LIVE first')
    await stop()
    expect(await page.title()).toBe('Castgate studio')
  })

  it('uses what was chosen before, or what the browser chooses where that device is gone', async () => {
    const choices = { qualityId: '360p', camera: 'gone', microphone: 'none', music: true }
    await page.addInitScript((kept) => localStorage.setItem('castgate.choices', kept), JSON.stringify(choices))
    await page.goto(gateway.url)
    expect(await page.getByLabel('Quality').inputValue()).toBe('360p')
    await page.getByRole('button', { name: 'Turn on camera' }).click()
    await page.locator('.preview video').waitFor()
    expect(await captures(page)).toEqual(['video'])
  })

  it('on a server where nobody broadcast before is under a name of its own', async () => {
    await page.goto(gateway.url)
    expect(await page.getByLabel('Stream name').inputValue()).toMatch(/^[a-z]+-[a-z]+-\d{4}$/)
  })
})

it('a recording whose sound stops has silence for viewers from there on', async () => {
  const sources = [
    '-f',
    'lavfi',
    '-i',
    'testsrc=duration=9:size=320x180:rate=15',
    '-f',
    'lavfi',
    '-i',
    'sine=duration=3',
  ]
  const codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '15', '-pix_fmt', 'yuv420p', '-c:a', 'libopus']
  const made = await ffmpeg(['-v', 'error', ...sources, ...codecs, '-f', 'matroska', 'pipe:1'])
  const recording = inBlobs('short-sound', made.stdout, 9)
  const collector = new HlsCollector(`${gateway.url}/hls/short-sound.m3u8`)
  const options = { mimeType: 'video/x-matroska;codecs=avc1,opus' }
  const came = await collector.collectUntil(publish(ingestUrl(gateway, 'short-sound'), recording, options))
  const { audioSeconds, errors } = await decode(came.bytes)
  expect(errors).toBe('')
  expect(audioSeconds).toBeGreaterThan(7)
  await gateway.logged({ stream: 'short-sound', level: 40 })
})
