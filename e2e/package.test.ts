import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { descendantsOf, startGateway, type TestGateway } from './support/gateway.ts'
import { TestSocket } from './support/publisher.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { GUARDED, publishToken, SECRET } from './support/tokens.ts'
import { NOT_KEPT, until } from './support/wait.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const EXAMPLES = join(ROOT, 'examples')

/** A project of somebody else, with the package installed from its tarball. */
let project: Awaited<ReturnType<typeof temporaryDirectory>>
let browser: Browser
beforeAll(async () => {
  project = await temporaryDirectory()
  await run('npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', project.path], ROOT)
  const [tarball = ''] = (await readdir(project.path)).filter((file) => file.endsWith('.tgz'))
  await writeFile(join(project.path, 'package.json'), '{ "name": "project", "private": true, "type": "module" }')
  // FFmpeg is the system's: the download of ffmpeg-static would take its time.
  await run('npm', ['install', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error', `./${tarball}`])
  await cp(join(EXAMPLES, 'sdk'), join(project.path, 'sdk'), { recursive: true })
  await cp(join(EXAMPLES, 'fastify'), join(project.path, 'fastify'), { recursive: true })
  browser = await startBrowser(FAKE_CAMERA)
})
afterAll(async () => {
  await browser.close()
  await project.remove()
})

/** Runs a program in the project to its end, and gives what it printed. */
async function run(command: string, args: string[], cwd = project.path): Promise<string> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
  }
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${printed}`)
  return printed
}

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

/** Serves the files of a directory, as they are. */
async function serve(directory: string): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname
    readFile(join(directory, path)).then(
      (bytes) => response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? '' }).end(bytes),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, origin: `http://localhost:${(server.address() as AddressInfo).port}` }
}

describe('the package, installed from its tarball', () => {
  it('has the command line, and nothing that is not needed to run', async () => {
    const version = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    expect(await run('npx', ['--no-install', 'castgate', '--version'])).toBe(`${version.version}\n`)
    const files = await readdir(join(project.path, 'node_modules', 'castgate'), { recursive: true })
    expect(files.filter((file) => /\.test\.|^(e2e|bench|client|server|shared|docs)(\/|$)/.test(file))).toEqual([])
  })

  it('has types for a strict project, in the page and on the server', async () => {
    const source = `
      import { Broadcaster, type BroadcasterState, openCamera, qualityOf } from 'castgate'
      import { castgate, createGateway, type GatewayOptions } from 'castgate/server'
      import Fastify from 'fastify'
      const broadcaster = new Broadcaster({ server: 'https://x.example', stream: 'one', token: async () => 'token' })
      broadcaster.addEventListener('statechange', () => { const state: BroadcasterState = broadcaster.state; void state })
      // @ts-expect-error There is no such event.
      broadcaster.addEventListener('nothing', () => {})
      openCamera({ camera: null, microphone: null }, qualityOf('720p')).then((stream) => broadcaster.start(stream))
      const options: GatewayOptions = { secret: 'x', private: true }
      export const gateway = await createGateway({ ...options, log: 'silent' })
      export const url: string = gateway.url
      const app = Fastify()
      await app.register(castgate, { prefix: '/live', secret: 'x' })
    `
    await writeFile(join(project.path, 'types.ts'), source)
    const options = { strict: true, noEmit: true, target: 'ES2023', lib: ['ES2023', 'DOM', 'DOM.Iterable'], types: [] }
    for (const resolution of [
      { module: 'NodeNext', moduleResolution: 'NodeNext' },
      { module: 'ESNext', moduleResolution: 'Bundler' },
    ]) {
      const configuration = { compilerOptions: { ...options, ...resolution, skipLibCheck: true }, files: ['types.ts'] }
      await writeFile(join(project.path, 'tsconfig.json'), JSON.stringify(configuration))
      await run(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', '.'])
    }
  })
})

describe('the SDK', () => {
  let gateway: TestGateway
  let page: Page
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded', '--origin', '*'], GUARDED)
  })
  afterAll(() => gateway.stop())

  async function broadcasts(url: string, stream: string): Promise<void> {
    page = await browser.newPage()
    const query = new URLSearchParams({ server: gateway.url, stream, token: await publishToken(stream) })
    await page.goto(`${url}?${query}`)
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await page.getByText('live', { exact: true }).waitFor()
    await until('it is live', async () => (await gateway.stream(stream))?.state === 'live')
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByText('ended', { exact: true }).waitFor()
    await page.close()
  }

  it('broadcasts from a page without a bundler, which finds it with an import map', async () => {
    const { server, origin } = await serve(project.path)
    await broadcasts(`${origin}/sdk/index.html`, 'no-bundler')
    server.close()
  })

  it('broadcasts from a page that Vite has built', async () => {
    const root = join(project.path, 'sdk')
    const html = await readFile(join(root, 'index.html'), 'utf8')
    await writeFile(join(root, 'bundled.html'), html.replace(/<script type="importmap">.*?<\/script>/s, ''))
    await build({
      root,
      logLevel: 'error',
      build: { outDir: join(project.path, 'built'), rollupOptions: { input: join(root, 'bundled.html') } },
    })
    const { server, origin } = await serve(join(project.path, 'built'))
    await broadcasts(`${origin}/bundled.html`, 'vite')
    server.close()
  })
})

describe('a track of the SDK that ends by itself', () => {
  it('is told, becomes a card, gives way to what replaces it, and the last one ends the broadcast', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', '--origin', '*'])
    const { server, origin } = await serve(project.path)
    const context = await browser.newContext({ permissions: ['camera', 'microphone'] })
    const page = await context.newPage()
    await page.goto(`${origin}/sdk/index.html`)
    await page.addScriptTag({ type: 'module', content: SDK_ON_THE_PAGE.replace('GATEWAY', gateway.url) })
    const told = () => page.evaluate(() => (globalThis as { told?: string[] }).told ?? [])
    const end = (kind: string) =>
      page.evaluate((which) => (globalThis as unknown as { end(kind: string): void }).end(which), kind)
    const status = () => gateway.stream('devices')
    await until('it is live', async () => (await told()).includes('live'))
    await until('the picture is there', async () => (await status())?.video?.height === 360)
    await end('video')
    await until('the card is recorded', async () => (await status())?.epoch === 1)
    await until('it has the size of the picture', async () => (await status())?.video?.height === 360)
    expect(await told()).toEqual(['connecting', 'live', 'trackended video'])
    await page.evaluate(() => (globalThis as unknown as { replace(): Promise<void> }).replace())
    await until('the camera is recorded again', async () => (await status())?.epoch === 2)
    await end('audio')
    await until('viewers have silence', async () => (await status())?.state === 'live')
    await end('video')
    await until('it is over', async () => (await told()).includes('ended'))
    expect((await told()).slice(3)).toEqual(['trackended audio', 'trackended video', 'ending', 'ended'])
    await context.close()
    server.close()
    await gateway.stop()
  })
})

/** Broadcasts as a page of somebody else does, and keeps what it is told. */
const SDK_ON_THE_PAGE = `
  import { Broadcaster, openCamera, qualityOf } from 'castgate'
  const quality = qualityOf('360p')
  const told = []
  const open = () => openCamera({ camera: null, microphone: null }, quality)
  let stream = await open()
  const broadcaster = new Broadcaster({ server: 'GATEWAY', stream: 'devices', quality })
  broadcaster.addEventListener('statechange', () => told.push(broadcaster.state.kind))
  broadcaster.addEventListener('trackended', ({ detail }) => told.push('trackended ' + detail.kind))
  broadcaster.start(stream)
  Object.assign(globalThis, {
    told,
    // What a device that is pulled out does to its track.
    end: (kind) => {
      for (const track of stream.getTracks().filter((each) => each.kind === kind)) {
        track.stop()
        track.dispatchEvent(new Event('ended'))
      }
    },
    replace: async () => {
      stream = await open()
      await broadcaster.replace(stream)
    },
  })
`

describe('createGateway', () => {
  it('runs a gateway with a server of its own, and ends it', async () => {
    const [port, rtmpPort] = [await freePort(), await freePort()]
    const script = `
      import { createGateway } from 'castgate/server'
      const options = { port: ${port}, rtmpPort: ${rtmpPort}, rtmp: { kind: 'embedded' }, dataDir: 'other', log: 'silent' }
      const gateway = await createGateway(options)
      const answer = await fetch(gateway.url + '/healthz')
      console.log(gateway.url, answer.status)
      await answer.arrayBuffer()
      await gateway.close()
    `
    await writeFile(join(project.path, 'own.mjs'), script)
    expect(await run(process.execPath, ['own.mjs'])).toBe(`http://127.0.0.1:${port} 200\n`)
  })
})

describe('a site on Fastify with a gateway inside (examples/fastify)', () => {
  let site: ChildProcess
  let port = 0
  beforeAll(async () => {
    const rtmpPort = await freePort()
    port = await freePort()
    const environment = { PORT: `${port}`, RTMP_PORT: `${rtmpPort}`, SECRET, DATA_DIR: join(project.path, 'data') }
    site = spawn(process.execPath, ['fastify/server.mjs'], {
      cwd: project.path,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (site.stdout) await once(site.stdout, 'data')
  })

  const origin = () => `http://localhost:${port}`

  it('has its pages beside those of the gateway, and lets in who is logged in', async () => {
    const token = await fetch(`${origin()}/token`, NOT_KEPT)
    expect(token.status).toBe(401)
    const watch = await fetch(`${origin()}/live/watch/anna`, NOT_KEPT)
    expect(watch.status).toBe(200)
    expect(await watch.text()).toContain('src="../assets/')
    expect((await fetch(`${origin()}/live/nowhere`, NOT_KEPT)).status).toBe(404)
    expect((await fetch(`${origin()}/nowhere`, NOT_KEPT)).status).toBe(404)
    const socket = await new TestSocket(`${origin().replace('http', 'ws')}/live/ingest/anna`).opened()
    socket.send({ type: 'hello', session: null })
    expect(await socket.closed).toMatchObject({ code: 4401 })
    await expect(new TestSocket(`${origin().replace('http', 'ws')}/elsewhere`).opened()).rejects.toThrow(/404/)
  })

  it('broadcasts and plays below its prefix', async () => {
    const context = await browser.newContext()
    await context.addCookies([{ name: 'user', value: 'anna', url: origin() }])
    const page = await context.newPage()
    await page.goto(origin())
    await page.locator('castgate-broadcast').getByRole('button', { name: 'Broadcast' }).click()
    await page.locator('castgate-broadcast').getByText('LIVE', { exact: true }).waitFor()
    const stream = async () => (await fetch(`${origin()}/live/api/streams/anna`, NOT_KEPT)).json()
    await until('it is live', async () => ((await stream()) as { state?: string }).state === 'live')
    expect(await stream()).toMatchObject({ playback: { watch: `${origin()}/live/watch/anna` } })
    await page.locator('castgate-player').getByText('Playing live').waitFor({ state: 'attached' })
    const watch = await context.newPage()
    await watch.goto(`${origin()}/live/watch/anna?methods=ll-hls`)
    await watch.getByText('Playing live').waitFor({ state: 'attached' })
    await context.close()
  })

  it('ends with everything that it started', async () => {
    const started = await descendantsOf(site.pid ?? 0)
    expect(started.size).toBeGreaterThan(0)
    site.kill('SIGTERM')
    const [code] = (await once(site, 'close')) as [number]
    expect(code).toBe(0)
    for (const pid of started.keys()) expect(() => process.kill(pid, 0)).toThrow()
  })

  it('does not start without a secret, since others may reach it', async () => {
    const script = `
      import { castgate } from 'castgate/server'
      import Fastify from 'fastify'
      await Fastify().register(castgate, { prefix: '/live' }).ready()
    `
    await writeFile(join(project.path, 'open.mjs'), script)
    await expect(run(process.execPath, ['open.mjs'])).rejects.toThrow(/without a secret all of them may broadcast/)
  })
})
