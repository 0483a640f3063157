import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeChunk } from '../shared/chunk.ts'
import type { TargetStatus } from '../shared/status.ts'
import { asAdmin } from './support/archive.ts'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { makeCertificate } from './support/certificate.ts'
import { clockRecording } from './support/clock.ts'
import { readFrames } from './support/clock-reader.ts'
import { descendantsOf, startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { inBlobs, ingestUrl, publish, type Recording, readRecording, TestSocket } from './support/publisher.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { playRtmp } from './support/rtmp-player.ts'
import { type RtmpSink, startRtmpSink } from './support/rtmp-sink.ts'
import {
  startFront,
  startHangingServer,
  startRedirectingServer,
  startTlsFront,
  type TestServer,
} from './support/servers.ts'
import { ADMIN_KEY, WITH_KEY } from './support/tokens.ts'
import { NOT_KEPT, until } from './support/wait.ts'

const FRAMES = 240
const NEAR = ['--target-hosts', '127.0.0.0/8,localhost']

let sink: RtmpSink
let hanging: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let clock: Recording
beforeAll(async () => {
  sink = await startRtmpSink()
  hanging = await startHangingServer()
  directory = await temporaryDirectory()
  clock = inBlobs('clock', await clockRecording(320, 240, FRAMES), FRAMES / 30)
})
afterAll(async () => {
  await sink.close()
  await hanging.close()
  await directory.remove()
})

const toSink = (key: string, port = sink.port) => ({ name: key, url: `rtmp://127.0.0.1:${port}/live`, key })

/** Calls the API for the targets of `stream`. */
async function call(gateway: TestGateway, method: string, path: string, body?: object, key = ADMIN_KEY) {
  const answer = await fetch(`${gateway.url}/api/streams/${path}`, {
    method,
    headers: {
      ...NOT_KEPT.headers,
      authorization: `Bearer ${key}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, text, body: (text ? JSON.parse(text) : null) as TargetStatus | null }
}

const add = (gateway: TestGateway, stream: string, body: object, key?: string) =>
  call(gateway, 'POST', `${stream}/targets`, body, key)

async function target(gateway: TestGateway, stream: string, name: string): Promise<TargetStatus | null> {
  return (await gateway.stream(stream))?.targets.find((each) => each.name === name) ?? null
}

const isIn = (gateway: TestGateway, stream: string, name: string, state: TargetStatus['state']) =>
  until(`${name} is ${state}`, async () => {
    const found = await target(gateway, stream, name)
    return found?.state === state ? found : null
  })

/** The command lines, or the environments, of everything that `gateway` runs. */
async function ofProcesses({ program }: TestGateway, what: 'cmdline' | 'environ'): Promise<string> {
  const pids = [...(await descendantsOf(program.process.pid ?? 0)).keys()]
  return (await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/${what}`, 'utf8').catch(() => '')))).join('\n')
}

const counting = (frames: number) => Array.from({ length: frames }, (_, index) => index + 1)

describe('a broadcast with targets', () => {
  it('reaches the good ones with every frame, whatever others do, and tells no key', async () => {
    const embedded = await startGateway(['--rtmp', 'embedded'])
    const keys = ['secret-key-of-nginx', 'secret-key-of-embedded', 'secret-key-of-none', 'secret-key-of-silence']
    const ports = [sink.port, embedded.rtmpPort, await freePort(), hanging.port]
    const names = ['good', 'embedded', 'refusing', 'hanging']
    const targets = names.map(
      (name, index) =>
        `  - { name: ${name}, url: 'rtmp://127.0.0.1:${ports[index]}/live', key-env: KEY_${index}, streams: four }\n`,
    )
    const file = `${directory.path}/castgate.yaml`
    await writeFile(file, `target-hosts: [127.0.0.1]\ntargets:\n${targets.join('')}`)
    const environment = Object.fromEntries(keys.map((key, index) => [`KEY_${index}`, key]))
    const gateway = await startGateway(['--rtmp', 'nginx', '--config', file], { ...environment, ...WITH_KEY })
    // Long enough for all of them to be seen while it lasts, on a machine that is slow.
    const frames = 3 * FRAMES
    const long = inBlobs('clock', await clockRecording(320, 240, frames), frames / 30)
    const player = await playRtmp(`rtmp://127.0.0.1:${embedded.rtmpPort}/live/${keys[1]}`, frames)
    const publishing = publish(ingestUrl(gateway, 'four'), long)
    const seen = isIn(gateway, 'four', 'hanging', 'retrying')
    const [refusing] = await Promise.all([
      isIn(gateway, 'four', 'refusing', 'retrying'),
      isIn(gateway, 'four', 'good', 'live'),
      isIn(gateway, 'four', 'embedded', 'live'),
    ])
    expect(refusing.lastError).toBe(`127.0.0.1 refused the connection (port ${ports[2]})`)
    const lines = await ofProcesses(gateway, 'cmdline')
    const environments = await ofProcesses(gateway, 'environ')
    const told = JSON.stringify(await gateway.stream('four'))
    expect((await seen).lastError).toBe('127.0.0.1 did not answer within 5 s')
    await publishing
    expect(lines).toContain('pipe:0')
    expect(environments).toContain('PATH=')
    const log = JSON.stringify(gateway.log())
    const operated = JSON.stringify(await Promise.all(['status', 'events'].map((path) => asAdmin(gateway, path))))
    for (const key of [...keys, ADMIN_KEY]) {
      for (const [where, text] of Object.entries({ lines, environments, told, log, operated }))
        expect([where, text.includes(key)]).toEqual([where, false])
    }
    await gateway.stop()
    expect(await readFrames((await sink.published(keys[0] ?? '')) ?? Buffer.alloc(0))).toEqual(counting(frames))
    expect(await readFrames(await player.played)).toEqual(counting(frames))
    await embedded.stop()
  })

  it('takes more, and lets some go, while it is live, and the others do not feel it', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', ...NEAR], WITH_KEY)
    const loop = await startLoop(gateway, 'changing')
    expect(await add(gateway, 'changing', toSink('steady'))).toMatchObject({
      status: 201,
      body: { state: 'connecting' },
    })
    const steady = await isIn(gateway, 'changing', 'steady', 'live')
    expect(Date.parse(steady.liveSince ?? '')).toBeGreaterThan(Date.now() - 60_000)
    const { body: added } = await add(gateway, 'changing', toSink('paused'))
    await isIn(gateway, 'changing', 'paused', 'live')
    const id = added?.id ?? ''
    await call(gateway, 'POST', `changing/targets/${id}/pause`)
    const paused = await isIn(gateway, 'changing', 'paused', 'paused')
    const before = (await target(gateway, 'changing', 'steady'))?.bytesOut ?? 0
    await until(
      'the other one goes on',
      async () => ((await target(gateway, 'changing', 'steady'))?.bytesOut ?? 0) > before,
    )
    expect((await target(gateway, 'changing', 'paused'))?.bytesOut).toBe(paused.bytesOut)
    expect((await call(gateway, 'POST', `changing/targets/${id}/resume`)).status).toBe(200)
    await isIn(gateway, 'changing', 'paused', 'live')
    expect((await call(gateway, 'DELETE', `changing/targets/${id}`)).status).toBe(204)
    expect(await target(gateway, 'changing', 'paused')).toBeNull()
    expect((await call(gateway, 'DELETE', `changing/targets/${id}`)).status).toBe(404)
    expect(await target(gateway, 'changing', 'steady')).toMatchObject({ state: 'live', reconnects: 0 })
    await loop.stop()
    await gateway.stop()
  })

  it('has the picture of a camera that is switched on later', async () => {
    const far = await startGateway(['--rtmp', 'embedded'])
    const gateway = await startGateway(['--rtmp', 'embedded', ...NEAR], WITH_KEY)
    const socket = await new TestSocket(ingestUrl(gateway, 'later')).opened()
    socket.send({ type: 'hello', session: null })
    await socket.message('welcome')
    let sequence = 0
    const epoch = async (number: number, name: string) => {
      socket.send({ type: 'epoch', epoch: number, at: number * 6_000, mimeType: 'video/webm' })
      for (const { bytes } of (await readRecording(name)).blobs)
        socket.send(encodeChunk({ epoch: number, sequence: sequence++, payload: bytes }))
    }
    await epoch(0, 'chrome-audio-only.webm')
    await until('it is live', async () => (await gateway.stream('later'))?.state === 'live')
    await add(gateway, 'later', toSink('later', far.rtmpPort))
    const heard = await until('it is heard there', async () => {
      const stream = await far.stream('later')
      return stream?.state === 'live' ? stream : null
    })
    expect(heard.video).toBeNull()
    await epoch(1, 'chrome-h264.webm')
    await until('it is seen there', async () => (await far.stream('later'))?.video?.width === 1280)
    expect(await target(gateway, 'later', 'later')).toMatchObject({ state: 'live', reconnects: 0, lastError: null })
    socket.send({ type: 'end' })
    await socket.closed
    await gateway.stop()
    await far.stop()
  })

  it('tries again at once when someone says so', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', ...NEAR], WITH_KEY)
    const loop = await startLoop(gateway, 'late')
    const port = await freePort()
    const { body } = await add(gateway, 'late', toSink('later', port))
    await until(
      'it has failed a few times',
      async () => ((await target(gateway, 'late', 'later'))?.reconnects ?? 0) > 2,
    )
    const front = await startFront(sink.port, port)
    await call(gateway, 'POST', `late/targets/${body?.id}/retry`)
    await isIn(gateway, 'late', 'later', 'live')
    await front.close()
    await loop.stop()
    await gateway.stop()
  })
})

describe('RTMPS', () => {
  it('carries every frame where the certificate is good, and nothing where it is not', async () => {
    const certificate = await makeCertificate()
    const front = await startTlsFront(sink.port, certificate)
    await writeFile(`${directory.path}/ca.pem`, certificate.cert)
    const target = (key: string) => ({ name: key, url: `rtmps://localhost:${front.port}/live`, key })
    const trusting = await startGateway(['--rtmp', 'embedded', ...NEAR], {
      ...WITH_KEY,
      NODE_EXTRA_CA_CERTS: `${directory.path}/ca.pem`,
    })
    const publishing = publish(ingestUrl(trusting, 'tls'), clock)
    await until('it is live', async () => (await trusting.stream('tls'))?.state === 'live')
    expect((await add(trusting, 'tls', target('over-tls'))).status).toBe(201)
    await isIn(trusting, 'tls', 'over-tls', 'live')
    await publishing
    await trusting.stop()
    const frames = await readFrames((await sink.published('over-tls')) ?? Buffer.alloc(0))
    expect(frames).toEqual(counting(FRAMES).slice(-frames.length))
    expect(frames.length).toBeGreaterThan(60)

    const careful = await startGateway(['--rtmp', 'embedded', ...NEAR], WITH_KEY)
    const loop = await startLoop(careful, 'tls')
    await add(careful, 'tls', target('refused'))
    const refused = await isIn(careful, 'tls', 'refused', 'retrying')
    expect(refused.lastError).toMatch(/^the certificate of localhost is not good: self.signed certificate/)
    expect(await sink.published('refused')).toBeNull()
    await loop.stop()
    await careful.stop()
    await front.close()
  })
})

describe('the studio, where publishers may send to other places', () => {
  it('sends on to what was entered before, and shows how that is', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', ...NEAR, '--publisher-targets'])
    const browser = await startBrowser(FAKE_CAMERA)
    const page = await browser.newPage()
    await page.goto(gateway.url)
    await page.getByText('Add a target').click()
    await page.getByLabel('Platform').selectOption('Another RTMP server')
    await page.getByLabel('Address').fill(`rtmp://127.0.0.1:${sink.port}/live`)
    await page.getByLabel('Stream key').fill('from-the-studio')
    await page.getByRole('button', { name: 'Add' }).click()
    await page.getByText('begins with the broadcast').waitFor()
    await page.getByRole('button', { name: 'Broadcast' }).click()
    const list = page.locator('castgate-targets li')
    await list.filter({ hasText: '127.0.0.1' }).getByText('live', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Pause: 127.0.0.1' }).click()
    await list.getByText('paused', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Resume: 127.0.0.1' }).click()
    await list.getByText('live', { exact: true }).waitFor()
    expect(await page.content()).not.toContain('from-the-studio')
    // The broadcast begins anew then, and goes where it went.
    await gateway.restart()
    await isIn(gateway, await page.getByLabel('Stream name').inputValue(), '127.0.0.1', 'live')
    await list.getByText('live', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Remove: 127.0.0.1' }).click()
    await list.waitFor({ state: 'detached' })
    await page.getByLabel('Platform').selectOption('Another RTMP server')
    await page.getByLabel('Address').fill('rtmp://10.0.0.1/live')
    await page.getByLabel('Stream key').fill('x')
    await page.getByRole('button', { name: 'Add' }).click()
    await page.getByRole('alert').getByText('Broadcasts may not be sent to 10.0.0.1.').waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByText('The broadcast has ended').waitFor()
    await browser.close()
    await gateway.stop()
    expect((await sink.published('from-the-studio'))?.length).toBeGreaterThan(10_000)
  })
})

describe('who may send a broadcast elsewhere, and where to', () => {
  let gateway: TestGateway
  let socket: TestSocket
  let session: string
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded', ...NEAR, '--publisher-targets'], WITH_KEY)
    const loop = await startLoop(gateway, 'other')
    socket = await new TestSocket(ingestUrl(gateway, 'mine')).opened()
    socket.send({ type: 'hello', session: null })
    session = (await socket.message('welcome')).session
    return () => loop.stop()
  })
  afterAll(async () => {
    socket.send({ type: 'end' })
    await socket.closed
    await gateway.stop()
  })

  it('is the publisher for its own broadcast, and for no other', async () => {
    expect(await add(gateway, 'mine', toSink('x'), session)).toMatchObject({ status: 503 })
    expect(await add(gateway, 'other', toSink('x'), session)).toMatchObject({ status: 401 })
    expect(await add(gateway, 'other', toSink('x'), 'nobody')).toMatchObject({ status: 401 })
    expect(await add(gateway, 'none', toSink('x'))).toMatchObject({ status: 404 })
  })

  it('is not the publisher for what the operator has added', async () => {
    const socket = await new TestSocket(ingestUrl(gateway, 'shared')).opened()
    socket.send({ type: 'hello', session: null })
    const { session } = await socket.message('welcome')
    socket.send({ type: 'epoch', epoch: 0, at: 0, mimeType: 'video/x-matroska;codecs=avc1,opus' })
    socket.send(encodeChunk({ epoch: 0, sequence: 0, payload: clock.bytes.subarray(0, 200_000) }))
    await until('it is live', async () => (await gateway.stream('shared'))?.state === 'live')
    const own = await add(gateway, 'shared', toSink('own'), session)
    const operators = await add(gateway, 'shared', toSink('operators'))
    expect([own.status, operators.status]).toEqual([201, 201])
    const remove = (id: string | undefined, key?: string) =>
      call(gateway, 'DELETE', `shared/targets/${id}`, undefined, key)
    expect((await remove(operators.body?.id, session)).status).toBe(404)
    expect((await remove(own.body?.id, session)).status).toBe(204)
    expect((await remove(operators.body?.id)).status).toBe(204)
    socket.send({ type: 'end' })
    await socket.closed
  })

  it('is not the publisher where the operator has not said so', async () => {
    const strict = await startGateway(['--rtmp', 'embedded', ...NEAR], WITH_KEY)
    const own = await new TestSocket(ingestUrl(strict, 'mine')).opened()
    own.send({ type: 'hello', session: null })
    const id = (await own.message('welcome')).session
    expect(await add(strict, 'mine', toSink('x'), id)).toMatchObject({ status: 401 })
    own.send({ type: 'end' })
    await own.closed
    await strict.stop()
  })

  it.each([
    'rtmp://10.0.0.1/live',
    'rtmp://169.254.169.254/live',
    'rtmp://[::1]/live',
    'rtmp://[::ffff:10.0.0.1]/live',
    'rtmp://0300.0250.1.1/live',
    'rtmp://3232235777/live',
    'rtmp://innocent.example/live',
  ])('is nowhere near this machine: %s', async (url) => {
    const answer = await add(gateway, 'other', { url, key: 'secret-key' })
    expect(answer.status).toBe(403)
    expect(answer.text).not.toContain('secret-key')
  })

  it('is not where a server sends us on to', async () => {
    const redirecting = await startRedirectingServer(`rtmp://127.0.0.1:${hanging.port}/live`)
    const before = hanging.connections()
    await add(gateway, 'other', { name: 'moved', url: `rtmp://127.0.0.1:${redirecting.port}/live`, key: 'x' })
    await isIn(gateway, 'other', 'moved', 'retrying')
    await until('it is tried again', () => redirecting.connections() > 1)
    expect(hanging.connections()).toBe(before)
    await redirecting.close()
  })

  it('is not a name with a private address, though the name is allowed', async () => {
    const named = await startGateway(['--rtmp', 'embedded', '--target-hosts', 'localhost'], WITH_KEY)
    const loop = await startLoop(named, 'named')
    await add(named, 'named', { name: 'near', url: `rtmp://localhost:${hanging.port}/live`, key: 'x' })
    const before = hanging.connections()
    const failed = await isIn(named, 'named', 'near', 'failed')
    expect(failed.lastError).toContain('localhost is at an address that is not public.')
    expect(hanging.connections()).toBe(before)
    await loop.stop()
    await named.stop()
  })
})
