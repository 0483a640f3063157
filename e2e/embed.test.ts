import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { captures, keepTracks } from './support/devices.ts'
import { startFirefox } from './support/firefox.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { type Site, startSite } from './support/site.ts'
import { GUARDED, tokenFor } from './support/tokens.ts'
import { until } from './support/wait.ts'

/** A browser with one page, whichever it is. */
interface Driven {
  open(url: string): Promise<void>
  /** What the expression is in the page; a promise is awaited. */
  evaluate(expression: string): Promise<unknown>
  close(): Promise<void>
}

async function chromium(): Promise<Driven> {
  const browser = await startBrowser([...FAKE_CAMERA, '--autoplay-policy=no-user-gesture-required'])
  const page = await browser.newPage()
  return {
    open: async (url) => void (await page.goto(url)),
    evaluate: (expression) => page.evaluate(expression),
    close: () => browser.close(),
  }
}

/** Firefox with a camera and a microphone that are made up, and allowed without a question. */
const firefox = () =>
  startFirefox({
    'media.navigator.streams.fake': true,
    'media.navigator.permission.disabled': true,
    'media.autoplay.default': 0,
  })

/** A script that keeps the events of elements, and the messages of frames, in `window.seen`. */
const KEEP_EVENTS = `<script>
  window.seen = []
  for (const type of ['castgate-live', 'castgate-waiting', 'castgate-ended', 'castgate-error', 'castgate-status'])
    addEventListener(type, (event) => seen.push({ type, detail: event.detail, from: 'element' }))
  addEventListener('message', (event) => seen.push({ ...event.data, from: event.origin }))
</script>`

let gateway: TestGateway
let allowed: Site
let token = ''
beforeAll(async () => {
  token = await tokenFor({ stream: '*', publish: true }, { seconds: 3600 })
  // The site has to be known to the gateway, and the gateway to the site.
  allowed = await startSite(() => page, headers)
  gateway = await startGateway(['--rtmp', 'embedded', '--origin', allowed.origin], GUARDED)
})
afterAll(async () => {
  allowed.close()
  await gateway.stop()
})

/** What a page of the site begins with. */
const head = () => `<!doctype html>${KEEP_EVENTS}<script type="module" src="${gateway.url}/castgate.js"></script>`

/** What the allowed site serves now. */
let page = ''
const headers: Record<string, string> = {}

/** Whether an event or message of this type has come; it is given. */
const seen = (driven: Driven, type: string) =>
  driven.evaluate(`seen.find((event) => event.type === '${type}') ?? null`) as Promise<{
    detail: unknown
    from: string
  } | null>

const cameOf = (driven: Driven, type: string) => until(type, () => seen(driven, type), 100)

/** Whether a player has shown moving pictures. */
const PLAYS = `(async (root) => {
  const video = root.querySelector('castgate-player')?.shadowRoot.querySelector('video')
  return (video?.currentTime ?? 0) > 1 && video.videoWidth > 0
})(document)`

describe.each([
  ['Chromium', chromium, 'copy'],
  ['Firefox', firefox, 'transcode'],
] as const)('a page of another origin, in %s', (name, start, action) => {
  let driven: Driven
  beforeAll(async () => {
    driven = await start()
  })
  afterAll(() => driven.close())

  it('broadcasts with the widget, and plays with the player', async () => {
    const stream = `script-${name}`
    page = `${head()}<castgate-broadcast stream="${stream}" token="${token}" lang="en"></castgate-broadcast>
      <castgate-player stream="${stream}"></castgate-player>`
    await driven.open(allowed.origin)
    await driven.evaluate(`customElements.whenDefined('castgate-broadcast').then(() => true)`)
    const button = `document.querySelector('castgate-broadcast').shadowRoot.querySelector('button.action')`
    await driven.evaluate(`${button}.click()`)
    const live = await cameOf(driven, 'castgate-live')
    expect(live.detail).toMatchObject({ stream, playback: { watch: `${gateway.url}/watch/${stream}` } })
    await until('it is live', async () => (await gateway.stream(stream))?.state === 'live')
    expect((await gateway.stream(stream))?.video).toMatchObject({ action })
    await cameOf(driven, 'castgate-status')
    await until('the player plays', () => driven.evaluate(PLAYS), 250)
    await driven.evaluate(`${button}.click()`)
    await cameOf(driven, 'castgate-ended')
    expect(await gateway.stream(stream)).toBeNull()
    expect(await seen(driven, 'castgate-error')).toBeNull()
  })

  it('shows a card where the camera is pulled out, and goes on', async () => {
    page = `${head()}<castgate-broadcast stream="pulled-${name}" quality="360p"></castgate-broadcast>`
    await driven.open(allowed.origin)
    await driven.evaluate(`(async () => {
      const { mediaDevices } = navigator
      const open = mediaDevices.getUserMedia.bind(mediaDevices)
      mediaDevices.getUserMedia = async (wanted) => {
        const stream = await open(wanted)
        const [camera] = stream.getVideoTracks()
        const add = camera.addEventListener.bind(camera)
        const listeners = []
        camera.addEventListener = (type, listener, options) => {
          add(type, listener, options)
          if (type === 'ended') listeners.push(listener)
        }
        // Firefox gives a track no event that a page has made.
        window.pullOut = () => {
          camera.stop()
          for (const listener of listeners) listener(new Event('ended'))
        }
        return stream
      }
      await customElements.whenDefined('castgate-broadcast')
      addEventListener('castgate-device', ({ detail }) => seen.push({ type: 'castgate-device', detail }))
      const widget = document.querySelector('castgate-broadcast')
      widget.token = '${token}'
      await widget.start()
    })()`)
    await cameOf(driven, 'castgate-live')
    const status = () => gateway.stream(`pulled-${name}`)
    await until('its picture', async () => ((await status())?.bytesIn ?? 0) > 50_000)
    await driven.evaluate('pullOut()')
    expect((await cameOf(driven, 'castgate-device')).detail).toMatchObject({ what: 'camera', change: 'ended' })
    // In Firefox, another picture is another epoch; in Chromium it is not.
    if (name === 'Firefox') await until('the card is recorded', async () => (await status())?.epoch === 1)
    const before = (await status())?.bytesIn ?? 0
    await until('it goes on', async () => ((await status())?.bytesIn ?? 0) > before + 20_000)
    expect(await status()).toMatchObject({ state: 'live', video: { action } })
    expect(await driven.evaluate(`document.querySelector('castgate-broadcast').state.kind`)).toBe('live')
    await driven.evaluate(`document.querySelector('castgate-broadcast').stop()`)
    await cameOf(driven, 'castgate-ended')
    expect(await seen(driven, 'castgate-error')).toMatchObject({ detail: { code: 'camera_ended' } })
  })

  it('does both with frames, which it commands with messages', async () => {
    const stream = `frame-${name}`
    page = `<!doctype html>${KEEP_EVENTS}
      <iframe id="broadcast" src="${gateway.url}/embed/broadcast/${stream}#token=${token}"
        allow="camera; microphone; display-capture" width="400" height="500"></iframe>
      <iframe id="player" src="${gateway.url}/embed/player/${stream}" allow="autoplay; fullscreen"></iframe>`
    await driven.open(allowed.origin)
    await cameOf(driven, 'castgate-ready')
    const send = (frame: string, type: string) =>
      driven.evaluate(
        `document.getElementById('${frame}').contentWindow.postMessage({ type: '${type}' }, '${gateway.url}')`,
      )
    await send('broadcast', 'castgate-start')
    const live = await cameOf(driven, 'castgate-live')
    expect(live.from).toBe(gateway.url)
    await until('it is live', async () => (await gateway.stream(stream))?.state === 'live')
    await until('the player in the frame plays', () =>
      driven.evaluate(`seen.some(({ type, detail }) => type === 'castgate-state' && detail.kind === 'playing')`),
    )
    await send('broadcast', 'castgate-stop')
    await cameOf(driven, 'castgate-ended')
    expect(await gateway.stream(stream)).toBeNull()
    expect(await seen(driven, 'castgate-error')).toBeNull()
  })
})

describe('the widget', () => {
  let browser: Browser
  let tab: Page
  beforeAll(async () => {
    browser = await startBrowser([...FAKE_CAMERA, '--autoplay-policy=no-user-gesture-required'])
  })
  afterAll(() => browser.close())

  async function open(site: Site): Promise<void> {
    tab = await browser.newPage()
    await tab.addInitScript(keepTracks)
    await tab.goto(site.origin)
  }
  const widget = (index = 0) => tab.locator('castgate-broadcast').nth(index)
  const errors = () =>
    tab.evaluate(() =>
      (window as unknown as { seen: { type: string; detail: { code: string } }[] }).seen
        .filter(({ type }) => type === 'castgate-error')
        .map(({ detail }) => detail.code),
    )
  const openTracks = async () => (await captures(tab)).length

  it('stands several times on one page, and leaves no camera on when it is taken out', async () => {
    page = `${head()}<castgate-broadcast stream="first" token="${token}"></castgate-broadcast>
      <castgate-broadcast stream="second" token="${token}"></castgate-broadcast>`
    await open(allowed)
    for (const index of [0, 1]) await widget(index).getByRole('button', { name: 'Broadcast' }).click()
    for (const index of [0, 1]) await widget(index).getByText('LIVE', { exact: true }).waitFor()
    expect(await openTracks()).toBe(4)
    await widget(1).evaluate((element) => element.remove())
    await until('it is over', async () => (await gateway.stream('second')) === null)
    expect(await openTracks()).toBe(2)
    await until('the other is live', async () => (await gateway.stream('first'))?.state === 'live')
    // Moved, it goes on.
    const bytesIn = async () => (await gateway.stream('first'))?.bytesIn ?? 0
    const before = await bytesIn()
    await widget().evaluate((element) => document.body.append(element))
    await until('it goes on', async () => (await bytesIn()) > before + 100_000)
    expect(await openTracks()).toBe(2)
    await widget().getByText('LIVE', { exact: true }).waitFor()
    await widget().evaluate((element) => element.remove())
    await until('it is over', async () => (await gateway.stream('first')) === null)
    await until('no camera is on', async () => (await openTracks()) === 0)
    expect(await errors()).toEqual([])
    await tab.close()
  })

  it('leaves no camera on that was still being opened when it was taken out', async () => {
    page = `${head()}<castgate-broadcast stream="gone" token="${token}"></castgate-broadcast>`
    await open(allowed)
    await widget().getByRole('button', { name: 'Broadcast' }).waitFor()
    await tab.evaluate(async () => {
      const element = document.querySelector('castgate-broadcast') as HTMLElement & { start(): Promise<boolean> }
      const starting = element.start()
      element.remove()
      await starting
    })
    expect(await openTracks()).toBe(0)
    expect(await gateway.stream('gone')).toBeNull()
    await tab.close()
  })

  it('works under a strict content security policy', async () => {
    const { origin, host } = new URL(gateway.url)
    const policy = [
      "default-src 'none'",
      `script-src ${origin} 'nonce-events'`,
      `connect-src ${origin} ws://${host}`,
      'media-src blob:',
      'worker-src blob:',
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ].join('; ')
    page = `${head().replace('<script>', '<script nonce="events">')}
      <castgate-broadcast stream="strict" token="${token}"></castgate-broadcast>
      <castgate-player stream="strict"></castgate-player>`
    headers['content-security-policy'] = policy
    const complaints: string[] = []
    tab = await browser.newPage()
    tab.on('console', (message) => {
      if (/content security policy/i.test(message.text())) complaints.push(message.text())
    })
    await tab.goto(allowed.origin)
    delete headers['content-security-policy']
    await widget().getByRole('button', { name: 'Broadcast' }).click()
    await widget().getByText('LIVE', { exact: true }).waitFor()
    await until('the player plays', () => tab.evaluate(PLAYS), 250)
    expect(complaints).toEqual([])
    await tab.close()
  })

  it('speaks the language that is asked for, else that of the page', async () => {
    page = `${head().replace('<!doctype html>', '<!doctype html><html lang="zh-CN">')}
      <castgate-broadcast stream="one" lang="de"></castgate-broadcast>
      <castgate-broadcast stream="two"></castgate-broadcast>
      <div lang="xx"><castgate-broadcast stream="three"></castgate-broadcast></div>`
    await open(allowed)
    await widget(0).getByRole('button', { name: 'Senden' }).waitFor()
    await widget(1).getByRole('button', { name: '开始直播' }).waitFor()
    await widget(2).getByRole('button', { name: 'Broadcast' }).waitFor()
    await widget(0).evaluate((element) => element.setAttribute('lang', 'zh'))
    await widget(0).getByRole('button', { name: '开始直播' }).waitFor()
    // What the server says in English is said in the language of the page.
    await widget(0).evaluate((element) => element.setAttribute('lang', 'de'))
    await widget(0).getByRole('button', { name: 'Senden' }).click()
    await widget(0).getByRole('alert').getByText('Der Zugang fehlt').waitFor()
    expect(await errors()).toEqual(['unauthorized'])
    await tab.close()
  })

  it('is used by keyboard alone, and is set by attributes, which follow what a person does', async () => {
    page = `${head()}<castgate-broadcast stream="keys" token="${token}" quality="360p" muted></castgate-broadcast>`
    await open(allowed)
    await widget().getByRole('button', { name: 'Broadcast' }).waitFor()
    const focused = () =>
      widget().evaluate((element) => {
        const { activeElement } = element.shadowRoot as ShadowRoot
        return activeElement?.textContent?.trim() || (activeElement as HTMLInputElement | null)?.value || ''
      })
    const tabTo = async (text: string) => {
      for (let step = 0; step < 12; step++) {
        if ((await focused()).includes(text)) return
        await tab.keyboard.press('Tab')
      }
      throw new Error(`The keyboard does not reach ${text}.`)
    }
    await tabTo('Settings')
    await tab.keyboard.press('Enter')
    await widget().getByLabel('Quality').waitFor()
    await tab.keyboard.press('Shift+Tab')
    await tabTo('Broadcast')
    await tab.keyboard.press('Enter')
    await widget().getByText('LIVE', { exact: true }).waitFor()
    await until('there is a picture', async () => ((await gateway.stream('keys'))?.video?.height ?? 0) > 0)
    expect((await gateway.stream('keys'))?.video?.height).toBe(360)
    const pressed = widget().getByRole('button', { name: 'Mute' })
    expect(await pressed.getAttribute('aria-pressed')).toBe('true')
    await pressed.click()
    expect(await pressed.getAttribute('aria-pressed')).toBe('false')
    expect(await widget().evaluate((element) => (element as HTMLElement & { muted: boolean }).muted)).toBe(false)
    await tabTo('Stop')
    await tab.keyboard.press('Space')
    await until('it is over', async () => (await gateway.stream('keys')) === null)
    await tab.close()
  })

  it('takes a token from a function, which is asked for each connection', async () => {
    page = `${head()}<castgate-broadcast stream="fresh"></castgate-broadcast>`
    await open(allowed)
    await widget().getByRole('button', { name: 'Broadcast' }).waitFor()
    const began = await tab.evaluate(async (given) => {
      const element = document.querySelector('castgate-broadcast') as HTMLElement & {
        token: () => Promise<string>
        start(media?: MediaStream): Promise<boolean>
      }
      element.token = async () => given
      const canvas = document.createElement('canvas')
      canvas.getContext('2d')?.fillRect(0, 0, 10, 10)
      return element.start(canvas.captureStream(10))
    }, token)
    expect(began).toBe(true)
    await until('it is there', async () => (await gateway.stream('fresh')) !== null)
    await widget().evaluate((element) => (element as HTMLElement & { stop(): Promise<void> }).stop())
    expect(await errors()).toEqual([])
    await tab.close()
  })

  it('says what is missing where no stream is named', async () => {
    page = `${head()}<castgate-broadcast></castgate-broadcast>`
    await open(allowed)
    await widget().getByText('No stream is named').waitFor()
    await tab.close()
  })
})

describe('a site that is not allowed', () => {
  let browser: Browser
  let foreign: Site
  beforeAll(async () => {
    browser = await startBrowser([...FAKE_CAMERA])
    foreign = await startSite(
      () => `<!doctype html>${KEEP_EVENTS}<script type="module" src="${gateway.url}/castgate.js"></script>
        <castgate-broadcast stream="foreign" token="${token}"></castgate-broadcast>
        <iframe id="broadcast" src="${gateway.url}/embed/broadcast/foreign"></iframe>
        <iframe id="player" src="${gateway.url}/embed/player/foreign"></iframe>
        <iframe id="studio" src="${gateway.url}/"></iframe>`,
    )
  })
  afterAll(async () => {
    foreign.close()
    await browser.close()
  })

  it('cannot broadcast, and cannot frame a page', async () => {
    const tab = await browser.newPage()
    const refused: string[] = []
    tab.on('console', (message) => {
      if (message.text().includes('frame-ancestors')) refused.push(message.text())
    })
    await tab.goto(foreign.origin)
    await tab.locator('castgate-broadcast').getByRole('button', { name: 'Broadcast' }).click()
    await tab
      .locator('castgate-broadcast')
      .getByText(/may not use this server/)
      .waitFor()
    await until('all frames were refused', () => refused.length >= 3)
    for (const frame of tab.frames().slice(1)) expect(frame.url()).toMatch(/^chrome-error:/)
    expect(await gateway.stream('foreign')).toBeNull()
    await tab.close()
  })
})
