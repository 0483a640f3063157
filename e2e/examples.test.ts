import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Browser, Page } from 'playwright'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { temporaryDirectory } from './support/resources.ts'
import { startSite } from './support/site.ts'
import { GUARDED, publishToken } from './support/tokens.ts'
import { until } from './support/wait.ts'

// examples/sdk and examples/fastify are run by package.test.ts, where the package is installed.
const EXAMPLES = fileURLToPath(new URL('../examples/', import.meta.url))

let browser: Browser
beforeAll(async () => {
  browser = await startBrowser([...FAKE_CAMERA, '--autoplay-policy=no-user-gesture-required'])
})
afterAll(() => browser.close())

/** Broadcasts with the widget of a page, sees it in the player of the same page, and stops. */
async function broadcastsAndPlays(page: Page, gateway: TestGateway, stream: string): Promise<void> {
  const widget = page.locator('castgate-broadcast')
  await widget.getByRole('button', { name: 'Broadcast' }).click()
  await page.locator('output').getByText('live', { exact: true }).waitFor()
  await until('it is live', async () => (await gateway.stream(stream))?.state === 'live')
  await page.locator('castgate-player').getByText('Playing live').waitFor({ state: 'attached' })
  await widget.getByRole('button', { name: 'Stop' }).click()
  await page.locator('output').getByText('over', { exact: true }).waitFor()
}

describe('examples/plain', () => {
  it('broadcasts and plays with two tags', async () => {
    let gateway: TestGateway | null = null
    const html = await readFile(join(EXAMPLES, 'plain', 'index.html'), 'utf8')
    const site = await startSite(() => html.replaceAll('GATEWAY', gateway?.url ?? ''))
    gateway = await startGateway(['--rtmp', 'embedded', '--origin', site.origin])
    const page = await browser.newPage()
    await page.goto(site.origin)
    await broadcastsAndPlays(page, gateway, 'plain')
    await page.close()
    site.close()
    await gateway.stop()
  })
})

describe('examples/react', () => {
  let gateway: TestGateway
  let site: FastifyInstance
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>
  let asked = 0
  beforeAll(async () => {
    directory = await temporaryDirectory()
    gateway = await startGateway(['--rtmp', 'embedded', '--origin', '*'], GUARDED)
    const define = { 'import.meta.env.VITE_GATEWAY': JSON.stringify(gateway.url) }
    const root = join(EXAMPLES, 'react')
    await build({ root, define, logLevel: 'error', build: { outDir: directory.path, emptyOutDir: true } })
    site = Fastify()
    await site.register(fastifyStatic, { root: directory.path })
    site.get('/token', () => {
      asked++
      return publishToken('react')
    })
    await site.listen({ port: 0 })
  })
  afterAll(async () => {
    await site.close()
    await gateway.stop()
    await directory.remove()
  })

  it('broadcasts with a token of its own server, and plays', async () => {
    const page = await browser.newPage()
    await page.goto(`http://localhost:${(site.server.address() as { port: number }).port}`)
    await broadcastsAndPlays(page, gateway, 'react')
    expect(asked).toBe(1)
    await page.close()
  })
})
