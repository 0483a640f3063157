import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { descendantsOf, signal, startGateway } from './support/gateway.ts'
import { ffmpeg } from './support/media.ts'
import { castgate } from './support/program.ts'
import { ingestUrl, publish, readRecording, TestSocket } from './support/publisher.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { until } from './support/wait.ts'

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
beforeAll(async () => {
  directory = await temporaryDirectory()
})
afterAll(() => directory.remove())

async function run(args: string[], environment?: Record<string, string>) {
  const { exited, output } = castgate(args, environment)
  return { code: await exited, ...output() }
}

/** Holds a port while `action` runs. */
async function withTakenPort<T>(action: (port: number) => Promise<T>): Promise<T> {
  const server = createServer()
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  try {
    return await action(port)
  } finally {
    server.close()
  }
}

describe('the command line', () => {
  it('has help and a version everywhere', async () => {
    for (const command of [[], ['serve'], ['push'], ['token'], ['doctor']]) {
      const help = await run([...command, '--help'])
      expect([help.code, help.stdout]).toEqual([0, expect.stringContaining('Usage: castgate')])
      const version = await run([...command, '--version'])
      expect([version.code, version.stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)])
    }
  })

  it.each([
    ['an unknown command', ['fly']],
    ['an unknown option', ['serve', '--fast']],
    ['a port that is none', ['serve', '--port', '70000']],
    ['an RTMP server that is none', ['serve', '--rtmp', 'apache']],
    ['a URL that is none', ['serve', '--public-url', 'example.org']],
    ['no file to push', ['push']],
    ['an origin that is none', ['serve', '--origin', 'site.example/page']],
    ['limits that are none', ['serve', '--limits-per-address', 'sockets=many']],
    ['privacy without tokens', ['serve', '--private']],
    ['a certificate without a key', ['serve', '--tls-cert', 'cert.pem']],
    ['a certificate that is not there', ['serve', '--tls-cert', '/nowhere', '--tls-key', '/nowhere']],
    ['a secret in a file that is not there', ['serve', '--secret-file', '/nowhere']],
    ['keys that are not there', ['serve', '--token-keys', '/nowhere']],
    ['a token for nothing', ['token', '--stream', 'one']],
    ['a token for no name', ['token', '--stream', 'a/b', '--publish']],
    ['a token for no time', ['token', '--stream', 'one', '--publish', '--ttl', 'long']],
    ['no command', []],
  ])('ends with 2 for %s', async (_, args) => {
    const { code, stderr } = await run(args)
    expect(code).toBe(2)
    expect(stderr).not.toBe('')
  })

  it('ends with 2 for an environment variable that makes no sense, and lets a flag win over a good one', async () => {
    expect((await run(['serve'], { CASTGATE_PORT: 'eighty' })).code).toBe(2)
    const gateway = await startGateway(['--rtmp', 'embedded'], { CASTGATE_PORT: '1', CASTGATE_RTMP: 'nginx' })
    expect(await (await fetch(`${gateway.url}/healthz`)).json()).toMatchObject({ rtmp: { kind: 'embedded' } })
    await gateway.stop()
  })
})

describe('castgate token', () => {
  it('prints a token that the gateway with the same secret takes, for what was asked', async () => {
    const secret = 'a secret of thirty-two characters'
    const args = ['token', '--stream', 'room-*', '--publish', '--ttl', '15m', '--max-seconds', '60']
    const { code, stdout } = await run(args, { CASTGATE_SECRET: secret })
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)])
    const claims = JSON.parse(Buffer.from(stdout.split('.')[1] ?? '', 'base64url').toString()) as Record<string, number>
    expect(claims).toMatchObject({ stream: 'room-*', publish: true, maxSeconds: 60, jti: expect.any(String) })
    expect((claims.exp ?? 0) - Date.now() / 1000).toBeGreaterThan(800)
    expect((claims.exp ?? 0) - Date.now() / 1000).toBeLessThan(901)
    expect(`a-name-of-twenty-abc?token=${stdout.trim()}`.length).toBeLessThan(255)
    const gateway = await startGateway(['--rtmp', 'embedded'], { CASTGATE_SECRET: secret })
    const socket = await new TestSocket(ingestUrl(gateway, 'room-1')).opened()
    socket.send({ type: 'hello', session: null, token: stdout.trim() })
    await socket.message('welcome')
    socket.send({ type: 'end' })
    await socket.closed
    await gateway.stop()
  })

  it('ends with 3 without a secret, and says where it comes from', async () => {
    const { code, stderr } = await run(['token', '--stream', 'one', '--publish'])
    expect([code, stderr]).toEqual([3, expect.stringMatching(/Set CASTGATE_SECRET/)])
  })
})

describe('castgate serve, where others reach it', () => {
  it.each([
    ['without a secret', {}],
    ['where the variable that opens it says no', { CASTGATE_INSECURE_OPEN: '0' }],
    ['where the secret is empty', { CASTGATE_SECRET: '' }],
  ])('does not start %s, and says how to make one', async (_, environment) => {
    const { code, stderr } = await run(['serve', '--host', '0.0.0.0', '--no-install'], environment)
    expect(code).toBe(3)
    expect(stderr).toMatch(/CASTGATE_SECRET=.*openssl rand/)
    expect(stderr).toMatch(/--insecure-open/)
  })

  it('starts with a secret, or where it is told to be open', async () => {
    for (const [args, environment] of [
      [[], { CASTGATE_SECRET: 'a secret of thirty-two characters' }],
      [['--insecure-open'], {}],
    ] as [string[], Record<string, string>][]) {
      const gateway = await startGateway(['--host', '0.0.0.0', '--rtmp', 'embedded', ...args], environment)
      expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
      await gateway.stop()
    }
  })

  it.each([
    [{ CASTGATE_SECRET: 'a secret of 31 bytes, which is ' }, 2, 'The secret is too short: it needs 32 bytes'],
    [{ CASTGATE_INSECURE_OPEN: 'False' }, 3, 'without a secret all of them may broadcast'],
    [{ CASTGATE_INSECURE_OPEN: 'maybe' }, 2, 'CASTGATE_INSECURE_OPEN cannot be "maybe".'],
    [{ CASTGATE_PRIVTE: '1' }, 2, 'There is no variable CASTGATE_PRIVTE. Did you mean CASTGATE_PRIVATE?'],
    [{ CASTGATE_RECORD_KEEP: '30' }, 2, 'Add a unit'],
  ])('guesses at nothing that opens or deletes: %j', async (environment, exitCode, words) => {
    const { code, stderr } = await run(['serve', '--host', '0.0.0.0', '--no-install'], environment)
    expect([code, stderr]).toEqual([exitCode, expect.stringContaining(words)])
  })

  it('refuses an empty secret on this machine as well, and a variable that does not exist in other commands, too', async () => {
    const { code, stderr } = await run(['serve', '--no-install'], { CASTGATE_SECRET: '' })
    expect([code, stderr]).toEqual([3, expect.stringMatching(/^castgate: The secret is empty\./)])
    const token = await run(['token', '--stream', 'one', '--publish'], { CASTGATE_SECRT: 'x' })
    expect([token.code, token.stderr]).toEqual([2, expect.stringContaining('Did you mean CASTGATE_SECRET?')])
  })
})

describe('castgate serve', () => {
  it('ends with 3 where FFmpeg is missing, and names the command that installs it', async () => {
    const { code, stderr } = await run(['serve', '--no-install'], { CASTGATE_FFMPEG: '/nowhere/ffmpeg' })
    expect(code).toBe(3)
    expect(stderr).toMatch(/FFmpeg is missing\. Install with: .*ffmpeg/)
  })

  it('ends with 3 where nginx is asked for and missing, and serves all by itself where it is not', async () => {
    const { code, stderr } = await run([
      'serve',
      '--rtmp',
      'nginx',
      '--nginx',
      '/nowhere/nginx',
      '--data-dir',
      directory.path,
    ])
    expect([code, stderr]).toEqual([3, expect.stringMatching(/nginx is missing.*libnginx-mod-rtmp/)])
    const gateway = await startGateway(['--nginx', '/nowhere/nginx'])
    expect(await (await fetch(`${gateway.url}/healthz`)).json()).toMatchObject({ rtmp: { kind: 'embedded' } })
    await gateway.stop()
  })

  it.each(['--port', '--rtmp-port', '--hls-port'])(
    'ends with 3 where the port of %s is taken, and says so',
    async (option) => {
      await withTakenPort(async (port) => {
        const ports: Record<string, number> = {
          '--port': await freePort(),
          '--rtmp-port': await freePort(),
          '--hls-port': await freePort(),
          [option]: port,
        }
        const args = Object.entries(ports).flatMap(([name, value]) => [name, `${value}`])
        const { code, stderr } = await run(['serve', '--rtmp', 'nginx', '--data-dir', directory.path, ...args])
        expect([code, stderr]).toEqual([
          3,
          expect.stringContaining(
            `Port ${port} on 127.0.0.1 is in use by another program. Choose another with ${option}.`,
          ),
        ])
      })
    },
  )

  it.each(['nginx', 'embedded'])(
    'ends a live broadcast cleanly on SIGTERM, with --rtmp %s: the page is told, nothing is left',
    async (rtmp) => {
      const gateway = await startGateway(['--rtmp', rtmp])
      const recording = await readRecording('chrome-h264.webm')
      const socket = await new TestSocket(ingestUrl(gateway, 'ending')).opened()
      socket.send({ type: 'hello', session: null })
      await socket.message('welcome')
      socket.send({ type: 'epoch', epoch: 0, at: 0, mimeType: 'video/webm' })
      for (const [sequence, blob] of recording.blobs.entries()) {
        const frame = Buffer.alloc(8 + blob.bytes.length)
        frame.writeUInt32BE(sequence, 4)
        blob.bytes.copy(frame, 8)
        socket.send(frame)
      }
      await until('it is live', async () => {
        const stream = await gateway.stream('ending')
        return stream?.state === 'live' && stream.targets.every(({ state }) => state === 'live')
      })
      await gateway.stop()
      expect(await socket.closed).toMatchObject({ code: 4503, error: 'unavailable' })
    },
  )

  it('says 503 while FFmpeg has gone, and starts nginx again when it is killed', async () => {
    const ffmpegPath = `${directory.path}/ffmpeg`
    await writeFile(ffmpegPath, '#!/bin/sh\nexec ffmpeg "$@"\n')
    await chmod(ffmpegPath, 0o755)
    const gateway = await startGateway(['--rtmp', 'nginx', '--ffmpeg', ffmpegPath])
    const health = async () => (await fetch(`${gateway.url}/healthz`)).status
    expect(await health()).toBe(200)
    await rm(ffmpegPath)
    expect(await health()).toBe(503)
    await writeFile(ffmpegPath, '#!/bin/sh\nexec ffmpeg "$@"\n')
    await chmod(ffmpegPath, 0o755)
    const nginx = [...(await descendantsOf(gateway.program.process.pid ?? 0))].filter(([, name]) => name === 'nginx')
    expect(nginx.length).toBeGreaterThan(0)
    for (const [pid] of nginx) signal(pid, 'SIGKILL')
    await until('it notices', async () => (await health()) === 503, 10)
    await until('nginx is back', async () => (await health()) === 200)
    await gateway.stop()
  })

  it('pushes to an RTMP server elsewhere, and makes HLS of its own then', async () => {
    const server = await startGateway(['--rtmp', 'nginx'])
    const gateway = await startGateway(['--rtmp', `rtmp://127.0.0.1:${server.rtmpPort}/live`])
    const published = publish(ingestUrl(gateway, 'far'), await readRecording('chrome-h264.webm'))
    await until('it is live there', async () => (await server.stream('far'))?.state === 'live')
    await until('HLS is here', async () => (await fetch(`${gateway.url}/hls/far.m3u8`)).ok)
    await published
    const { code } = await ffmpeg(['-v', 'error', '-i', `${gateway.url}/hls/far.m3u8`, '-f', 'null', '-'])
    expect(code).toBe(0)
    await gateway.stop()
    await server.stop()
  })
})

describe('castgate doctor', () => {
  it('tells what is here', async () => {
    const ports = {
      CASTGATE_PORT: `${await freePort()}`,
      CASTGATE_RTMP_PORT: `${await freePort()}`,
      CASTGATE_HLS_PORT: `${await freePort()}`,
    }
    const { code, stdout } = await run(['doctor'], ports)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ok +FFmpeg +\S+/m)
    expect(stdout).toMatch(/^ok +nginx .*RTMP module/m)
    expect(stdout).toMatch(/^ok +Chromium/m)
    expect(stdout).toMatch(/Ready/)
  })

  it('ends with 3 where FFmpeg is missing, with the command to install it', async () => {
    const { code, stdout } = await run(['doctor'], { CASTGATE_FFMPEG: '/nowhere/ffmpeg' })
    expect(code).toBe(3)
    expect(stdout).toMatch(/^MISSING +FFmpeg[^\n]*\n +.*ffmpeg/m)
  })

  it('says which port is in use', async () => {
    await withTakenPort(async (port) => {
      await mkdir(directory.path, { recursive: true })
      expect((await run(['doctor', '--port', `${port}`])).stdout).toMatch(
        new RegExp(`^note +port ${port} +in use`, 'm'),
      )
    })
  })
})
