import type { Browser, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { type Site, startSite } from './support/site.ts'
import { until } from './support/wait.ts'

let gateway: TestGateway
let browser: Browser
let site: Site
let page: Page
let html = ''
/** What the page has warned of. */
let warnings: string[] = []
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'embedded', '--origin', '*'])
  browser = await startBrowser(FAKE_CAMERA)
  site = await startSite(() => html)
})
afterAll(async () => {
  await browser.close()
  site.close()
  await gateway.stop()
})
beforeEach(async () => {
  page = await browser.newPage()
  warnings = []
  page.on('console', (message) => {
    if (message.type() === 'warning') warnings.push(message.text())
  })
  page.on('pageerror', (error) => warnings.push(`uncaught: ${error.message}`))
})
afterEach(() => page.close())

async function open(elements: string): Promise<void> {
  html = `<!doctype html><script type="module" src="${gateway.url}/castgate.js"></script>${elements}`
  await page.goto(site.origin)
  await answers()
}

/** Waits until the page has done all that it does at once: a page that loops in microtasks never answers. */
async function answers(): Promise<void> {
  await page.evaluate(async () => {
    for (const name of ['castgate-broadcast', 'castgate-player']) await customElements.whenDefined(name)
    const all = [
      ...document.querySelectorAll<HTMLElement & { updateComplete: Promise<unknown> }>(
        'castgate-broadcast, castgate-player',
      ),
    ]
    for (const element of all) while (!(await element.updateComplete));
    await new Promise((resolve) => setTimeout(resolve))
  })
}

/** What the element's property is now. */
const property = (tag: string, name: string) =>
  page.evaluate(([tag, name]) => (document.querySelector(tag) as unknown as Record<string, unknown>)[name], [
    tag,
    name,
  ] as const)

/** Values as pages set them, by the words for them. JSON has no undefined, and no functions. */
const VALUES: Record<string, string> = {
  undefined: 'undefined',
  null: 'null',
  'a number': '42',
  'an object': '({})',
  'an object without a prototype': 'Object.create(null)',
  'a symbol': 'Symbol("x")',
  'a function': '(() => "x")',
  NaN: 'NaN',
  'a list': '["720p"]',
  'a long text': '"x".repeat(100_000)',
  markup: '"<b>bold</b>"',
  'a name that objects have anyway': '"__proto__"',
}

interface Case {
  tag: 'castgate-broadcast' | 'castgate-player'
  name: string
  fallback: unknown
  good: string
  rubbish: string[]
  /** Values that are right, for all that they look like. */
  taken?: string[]
}

const CASES: Case[] = [
  {
    tag: 'castgate-broadcast',
    name: 'quality',
    fallback: '720p',
    good: '360p',
    rubbish: ['4k', '1080', 'hd', '720P', '', ' '],
  },
  { tag: 'castgate-broadcast', name: 'source', fallback: 'camera', good: 'file', rubbish: ['stream', 'webcam', ''] },
  {
    tag: 'castgate-broadcast',
    name: 'stream',
    fallback: '',
    good: 'good',
    rubbish: ['a/b', 'a b', 'ü', 'x'.repeat(65)],
    taken: ['a name that objects have anyway'],
  },
  {
    tag: 'castgate-broadcast',
    name: 'server',
    fallback: '',
    good: 'https://gateway.example/live',
    rubbish: ['::::', 'ftp://x', 'javascript:alert(1)', 'https://', 'gateway'],
  },
  {
    tag: 'castgate-broadcast',
    name: 'token',
    fallback: '',
    good: 'a-token',
    rubbish: [],
    taken: ['a function', 'a long text', 'markup', 'a name that objects have anyway'],
  },
  { tag: 'castgate-broadcast', name: 'lang', fallback: '', good: 'de', rubbish: ['klingon', '../en', 'constructor'] },
  {
    tag: 'castgate-player',
    name: 'stream',
    fallback: '',
    good: 'good',
    rubbish: ['a/b', '..', '%2e'],
    taken: ['a name that objects have anyway'],
  },
  {
    tag: 'castgate-player',
    name: 'src',
    fallback: '',
    good: 'https://gateway.example/watch/x',
    rubbish: ['https://gateway.example/', 'javascript:alert(1)', '::::'],
  },
  {
    tag: 'castgate-player',
    name: 'server',
    fallback: '',
    good: 'https://gateway.example',
    rubbish: ['::::', 'data:,x'],
  },
  {
    tag: 'castgate-player',
    name: 'token',
    fallback: '',
    good: 'a-token',
    rubbish: [],
    taken: ['a long text', 'markup', 'a name that objects have anyway'],
  },
  {
    tag: 'castgate-player',
    name: 'methods',
    fallback: '',
    good: 'll-hls flv',
    rubbish: ['webrtc', 'FLV', 'constructor'],
  },
  {
    tag: 'castgate-player',
    name: 'poster',
    fallback: '',
    good: 'https://pictures.example/a.jpg',
    rubbish: ['javascript:alert(1)', 'data:text/html,x', 'https://'],
    taken: ['a long text', 'markup', 'a name that objects have anyway'],
  },
]

/** What the studio calls a stream that has no name yet. */
const A_NEW_NAME = /^[a-z]+-[a-z]+-\d{4}$/

describe('an element', () => {
  it.each(CASES)('$tag has the default $name where the attribute is rubbish, with one warning', async (given) => {
    const { tag, name, fallback, good, rubbish } = given
    await open(`<${tag}></${tag}>`)
    expect(await property(tag, name)).toBe(fallback)
    expect(warnings).toEqual([])
    const set = (text: string) =>
      page.evaluate(([tag, name, text]) => document.querySelector(tag)?.setAttribute(name, text), [
        tag,
        name,
        text,
      ] as const)
    for (const text of rubbish) {
      await set(text)
      await answers()
      expect([text, await property(tag, name)]).toEqual([text, fallback])
      expect([text, warnings.splice(0)]).toEqual([text, [expect.stringContaining(`<${tag}>: "${name}" cannot be `)]])
    }
    await set(good)
    await answers()
    expect(await property(tag, name)).toBe(good)
    await page.evaluate(([tag, name]) => document.querySelector(tag)?.removeAttribute(name), [tag, name] as const)
    await answers()
    expect(await property(tag, name)).toBe(fallback)
    expect(warnings).toEqual([])
    await propertiesOf(given)
  })

  /** The same for its property, whatever that is set to. */
  async function propertiesOf({ tag, name, fallback, good, taken = [] }: Case): Promise<void> {
    for (const [words, expression] of Object.entries(VALUES)) {
      if (taken.includes(words)) continue
      await page.evaluate(`document.querySelector('${tag}').${name} = ${JSON.stringify(good)}`)
      await page.evaluate(`document.querySelector('${tag}').${name} = ${expression}`)
      await answers()
      const isAbsent = words === 'undefined' || words === 'null'
      expect([words, await property(tag, name)]).toEqual([words, fallback])
      expect([words, warnings.splice(0).length]).toEqual([words, isAbsent ? 0 : 1])
    }
  }
})

describe('a yes or a no', () => {
  it.each([
    ['castgate-broadcast', 'muted', false],
    ['castgate-player', 'muted', false],
    ['castgate-player', 'autoplay', true],
    ['castgate-player', 'controls', true],
  ] as const)('of <%s>, %s, is %s where it is neither', async (tag, name, fallback) => {
    await open(`<${tag} stream="x"></${tag}>`)
    expect(await property(tag, name)).toBe(fallback)
    for (const [expression, value, warned] of [
      ['true', true, 0],
      ['undefined', fallback, 0],
      ['"false"', false, 0],
      ['"yes"', true, 0],
      ['null', fallback, 0],
      ['"banana"', fallback, 1],
      ['7', fallback, 1],
      ['({})', fallback, 1],
    ] as const) {
      await page.evaluate(`document.querySelector('${tag}').${name} = ${expression}`)
      await answers()
      expect([expression, await property(tag, name)]).toEqual([expression, value])
      expect([expression, warnings.splice(0).length]).toEqual([expression, warned])
    }
  })
})

describe('a page that broadcasts or plays', () => {
  it('goes on where its element is set to rubbish while it is live, and ends under the name that it began with', async () => {
    await open('<castgate-broadcast stream="steady" quality="360p"></castgate-broadcast>')
    await page.evaluate(() => {
      const seen: { type: string; stream: string }[] = []
      Object.assign(window, { seen })
      for (const type of ['castgate-ended', 'castgate-error']) {
        addEventListener(type, (event) =>
          seen.push({ type, stream: (event as CustomEvent<{ stream: string }>).detail.stream }),
        )
      }
    })
    const widget = page.locator('castgate-broadcast')
    await widget.getByRole('button', { name: 'Broadcast' }).click()
    await until('it is live', async () => (await gateway.stream('steady'))?.video?.height === 360)
    for (const { tag, name, rubbish } of CASES) {
      if (tag !== 'castgate-broadcast') continue
      const values = [...rubbish.map((text) => JSON.stringify(text)), ...Object.values(VALUES)]
      for (const value of values) await page.evaluate(`document.querySelector('castgate-broadcast').${name} = ${value}`)
      await answers()
    }
    await until('it goes on in the default quality', async () => ((await gateway.stream('steady'))?.epoch ?? 0) > 0)
    await widget.getByText('LIVE', { exact: true }).waitFor()
    await widget.getByRole('button', { name: 'Stop' }).click()
    // The gateway knows it before the page does.
    await widget.getByText('The broadcast has ended').waitFor({ state: 'attached' })
    expect(await gateway.stream('steady')).toBeNull()
    expect(await page.evaluate(() => (window as unknown as { seen: object[] }).seen)).toEqual([
      { type: 'castgate-ended', stream: 'steady' },
    ])
    expect(warnings.filter((text) => text.startsWith('uncaught'))).toEqual([])
  })

  it('plays on where its element is set to rubbish', async () => {
    const loop = await startLoop(gateway, 'shown')
    await open('<castgate-player stream="shown"></castgate-player>')
    const plays = () => page.locator('castgate-player').getByText('Playing live').waitFor({ state: 'attached' })
    await plays()
    for (const name of ['server', 'methods', 'token', 'src']) {
      for (const value of ['"::::"', ...Object.values(VALUES)]) {
        if (name === 'token' && value.startsWith('"')) continue
        await page.evaluate(`document.querySelector('castgate-player').${name} = ${value}`)
      }
      await answers()
    }
    await plays()
    expect(warnings.filter((text) => text.startsWith('uncaught'))).toEqual([])
    await loop.stop()
  })

  it('does not start with what is no stream of a camera: it opens none in its place', async () => {
    await open('<castgate-broadcast stream="never"></castgate-broadcast>')
    const codes = await page.evaluate(async () => {
      const codes: string[] = []
      addEventListener('castgate-error', (event) => codes.push((event as CustomEvent<{ code: string }>).detail.code))
      const element = document.querySelector('castgate-broadcast') as HTMLElement & {
        start(media: unknown): Promise<boolean>
      }
      for (const media of [{}, null, 'x', new Event('click')]) await element.start(media)
      return codes
    })
    expect(codes).toEqual(['bad_stream', 'bad_stream', 'bad_stream', 'bad_stream'])
    expect(await gateway.stream('never')).toBeNull()
  })
})

describe('an address', () => {
  it.each([
    ['/embed/broadcast/x?quality=hd', 'castgate-broadcast', 'quality', '720p', 1],
    ['/embed/broadcast/x?source=webcam', 'castgate-broadcast', 'source', 'camera', 1],
    ['/embed/broadcast/x?muted=banana', 'castgate-broadcast', 'muted', false, 1],
    ['/embed/broadcast/x?muted', 'castgate-broadcast', 'muted', true, 0],
    ['/embed/broadcast/x?lang=klingon', 'castgate-broadcast', 'lang', '', 1],
    ['/embed/player/x?methods=flv,webrtc', 'castgate-player', 'methods', 'flv', 1],
    ['/embed/player/x?methods=%E0%A4', 'castgate-player', 'methods', '', 1],
    ['/watch/x?methods=webrtc', 'castgate-player', 'methods', '', 1],
  ] as const)('with rubbish in it is a page that answers: %s', async (path, tag, name, value, warned) => {
    await page.goto(gateway.url + path)
    const element = page.locator(tag)
    await element.waitFor({ state: 'attached' })
    await element.evaluate(async (found) => {
      while (!(await (found as unknown as { updateComplete: Promise<boolean> }).updateComplete));
    })
    expect(await element.evaluate((found, name) => (found as unknown as Record<string, unknown>)[name], name)).toBe(
      value,
    )
    expect(warnings).toHaveLength(warned)
    if (warned) expect(warnings[0]).toContain(`"${name}" cannot be `)
  })

  it.each([
    ['?stream=a/b', A_NEW_NAME, 1],
    [`?stream=${'x'.repeat(65)}`, A_NEW_NAME, 1],
    ['?stream=fine', /^fine$/, 0],
  ])('of the studio: %s', async (query, name, warned) => {
    await page.goto(`${gateway.url}/${query}`)
    expect(await page.getByLabel('Stream name').inputValue()).toMatch(name)
    expect(warnings.filter((text) => text.includes('"stream" cannot be'))).toHaveLength(warned)
    await page.getByRole('button', { name: 'Broadcast' }).waitFor()
  })
})
