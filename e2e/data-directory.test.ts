import { spawn } from 'node:child_process'
import { readdir, rm, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventsOf, fetchBytes, readyRecording, recordingsOf } from './support/archive.ts'
import { clockRecording } from './support/clock.ts'
import { readFrames } from './support/clock-reader.ts'
import { descendantsOf, signal, startGateway, startLoop } from './support/gateway.ts'
import { castgate, type Program } from './support/program.ts'
import { inBlobs, ingestUrl, publish } from './support/publisher.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { WITH_KEY } from './support/tokens.ts'
import { until } from './support/wait.ts'

const PROGRAM = fileURLToPath(new URL('../scripts/castgate.mjs', import.meta.url))
const FRAMES = 300

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
beforeEach(async () => {
  directory = await temporaryDirectory()
})
afterEach(() => directory.remove())

const options = () => ['--rtmp', 'embedded', '--record', '--disk-floor', '1MB', '--data-dir', directory.path]
const ports = async () => ['--port', `${await freePort()}`, '--rtmp-port', `${await freePort()}`]
const serve = async () => castgate(['serve', '--no-install', ...options(), ...(await ports())], WITH_KEY)

/** How a gateway ends whose directory another one has. */
async function refused(program: Program): Promise<void> {
  expect(await program.exited).toBe(3)
  expect(program.output().stderr).toMatch(/Another gateway \(process \d+\) uses .*recordings\./)
  expect(program.output().stderr).toContain('--data-dir')
}

/** Whether this machine lets the tests make PID namespaces, as containers have them. */
const hasNamespaces = spawn('unshare', ['-pf', '--mount-proc', 'true'], { stdio: 'ignore' })
const canUnshare = await new Promise<boolean>((resolve) => {
  hasNamespaces.once('error', () => resolve(false))
  hasNamespaces.once('close', (code) => resolve(code === 0))
})

describe('a data directory', () => {
  it('is given to one of two gateways that start at the same moment', async () => {
    const both = [await serve(), await serve()]
    const isReady = (program: Program) => program.output().stdout.includes('gateway is ready')
    await until('one of them is ready', () => both.find(isReady))
    const [winner, loser] = isReady(both[0] as Program) ? both : both.toReversed()
    await refused(loser as Program)
    winner?.process.kill('SIGTERM')
    expect(await winner?.exited).toBe(0)
  })

  it.skipIf(!canUnshare)(
    'keeps its live recording whole where a second container starts with the same volume',
    async () => {
      const gateway = await startGateway(options(), WITH_KEY)
      const clock = inBlobs('clock', await clockRecording(320, 240, FRAMES), FRAMES / 30)
      const published = publish(ingestUrl(gateway, 'rolling'), clock)
      await until('it is recorded', async () => ((await recordingsOf(gateway, 'rolling'))[0]?.bytes ?? 0) > 20_000)
      const args = ['serve', '--no-install', ...options(), ...(await ports())]
      const child = spawn('unshare', ['-pf', '--mount-proc', process.execPath, PROGRAM, ...args], {
        env: { ...process.env, ...WITH_KEY },
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let words = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        words += text
      })
      const code = await new Promise((resolve) => child.once('close', resolve))
      expect([code, words]).toEqual([3, expect.stringMatching(/Another gateway \(process \d+\) uses/)])
      await published
      const recording = await readyRecording(gateway, 'rolling')
      const frames = await readFrames(await fetchBytes(recording.play))
      expect(frames).toEqual(Array.from({ length: FRAMES }, (_, index) => index + 1))
      expect(recording).toMatchObject({ reason: 'ended', problem: null })
      await gateway.stop()
    },
  )

  it('stays with a gateway that stands still, and is free at once when that was killed', async () => {
    const first = await serve()
    await until('it is ready', () => first.output().stdout.includes('gateway is ready'))
    const { pid = 0 } = first.process
    const children = [...(await descendantsOf(pid)).keys()]
    signal(pid, 'SIGSTOP')
    await refused(await serve())
    signal(pid, 'SIGKILL')
    await first.exited
    for (const child of children) signal(child, 'SIGKILL')
    const next = await startGateway(options(), WITH_KEY)
    // It was not waited for.
    expect(next.log().some(({ msg }) => String(msg).startsWith('waiting for a sign'))).toBe(false)
    await next.stop()
    expect((await readdir(`${directory.path}/recordings`)).filter((name) => name.startsWith('.lock'))).toHaveLength(1)
  })

  it('says in a sentence that it cannot be used', async () => {
    const program = castgate(['serve', '--no-install', '--data-dir', '/dev/null/data', ...(await ports())])
    expect(await program.exited).toBe(3)
    expect(program.output().stderr).toMatch(/^castgate: The directory \/dev\/null\/data\/recordings cannot be used: /)
  })
})

describe('a recording whose file someone removes', () => {
  it('ends while it is live, and is never called ready; the broadcast goes on', async () => {
    const gateway = await startGateway(options(), WITH_KEY)
    const loop = await startLoop(gateway, 'removed')
    const { id } = await until('it is recorded', async () =>
      (await recordingsOf(gateway, 'removed')).find(({ bytes }) => bytes > 100_000),
    )
    await rm(`${directory.path}/recordings/${id}/recording.flv`)
    const stopped = await until('it is told', async () =>
      (await eventsOf(gateway, 'removed')).find(({ type }) => type === 'recording.stopped'),
    )
    expect(stopped.data).toMatchObject({ recording: id, reason: 'disk_error' })
    expect((await gateway.stream('removed'))?.state).toBe('live')
    const problem = 'its file was removed while it was recorded'
    expect(await recordingsOf(gateway, 'removed')).toMatchObject([{ id, state: 'unfinished', problem, play: null }])
    await loop.stop()
    await gateway.restart()
    await until('it was looked at', async () => (await recordingsOf(gateway, 'removed'))[0]?.state === 'unfinished')
    expect(await recordingsOf(gateway, 'removed')).toMatchObject([{ id, problem }])
    await gateway.stop()
  })

  it('is not ready any more when its MP4 is gone at a start', async () => {
    const gateway = await startGateway(options(), WITH_KEY)
    const clock = inBlobs('clock', await clockRecording(320, 240, 60), 2)
    await publish(ingestUrl(gateway, 'lost'), clock, { pace: 'fast' })
    const { id } = await readyRecording(gateway, 'lost')
    const mp4 = `${directory.path}/recordings/${id}/recording.mp4`
    expect((await stat(mp4)).size).toBeGreaterThan(0)
    await rm(mp4)
    await gateway.restart()
    const lost = await until('it is seen', async () =>
      (await recordingsOf(gateway, 'lost')).find(({ state }) => state === 'unfinished'),
    )
    expect(lost).toMatchObject({ id, problem: 'its file is gone' })
    expect((await eventsOf(gateway, 'lost')).map(({ type }) => type)).toEqual(['recording.failed'])
    await gateway.stop()
  })
})
