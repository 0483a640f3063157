import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isPictureKind, kindOf, type Tag } from '../server/flv/tag.ts'
import { makeCertificate, writeCertificate } from './support/certificate.ts'
import { clockRecording } from './support/clock.ts'
import { readFrames } from './support/clock-reader.ts'
import { makeTags, TestEncoder, USUAL } from './support/encoder.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { FFMPEG, ffmpeg } from './support/media.ts'
import { inBlobs, ingestUrl, publish } from './support/publisher.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { playRtmp } from './support/rtmp-player.ts'
import { GUARDED, playToken, publishToken } from './support/tokens.ts'
import { until } from './support/wait.ts'

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let usual: Tag[]
beforeAll(async () => {
  directory = await temporaryDirectory()
  usual = await makeTags(USUAL)
})
afterAll(() => directory.remove())

const counting = (frames: number) => Array.from({ length: frames }, (_, index) => index + 1)

describe('a player over RTMP', () => {
  it('has every frame of a page that broadcasts, also where it came first, and is told the end', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded'])
    const clock = inBlobs('clock', await clockRecording(320, 240, 240), 8)
    const player = await playRtmp(`rtmp://127.0.0.1:${gateway.rtmpPort}/live/page`, 240)
    const published = publish(ingestUrl(gateway, 'page'), clock)
    await until('it is counted', async () => (await gateway.stream('page'))?.viewers.rtmp === 1)
    await published
    expect(await readFrames(await player.played)).toEqual(counting(240))
    await gateway.stop()
  })

  it('needs the token that every viewer needs, of any length, and is cut off with it', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', '--private'], GUARDED)
    const encoder = new TestEncoder(gateway.rtmpPort, `own?token=${await publishToken('own')}`)
    const publishing = encoder.publish(usual)
    const url = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/own`
    await until('it is live', async () => (await gateway.stream('own', await playToken('own')))?.state === 'live')
    const play = (query: string) => ffmpeg(['-v', 'error', '-i', `${url}${query}`, '-t', '1', '-f', 'null', '-'])
    const refused = await Promise.all([play(''), play('?token=x'), play(`?token=${await playToken('other')}`)])
    expect(refused.map(({ code }) => code)).not.toContain(0)
    expect(refused[0]?.stderr).toMatch(/Watching here needs a token/)
    const long = `${await playToken('own')}&note=${'x'.repeat(2_000)}`
    expect(await play(`?token=${long}`)).toMatchObject({ code: 0 })
    await encoder.end()
    await publishing
    expect(JSON.stringify(gateway.log())).not.toContain('eyJ')
    await gateway.stop()
  })
})

describe('RTMP over TLS', () => {
  it('is at a port of its own, with the certificate of the gateway', async () => {
    const certificate = await makeCertificate()
    await writeCertificate(directory.path, certificate)
    const port = await freePort()
    const files = ['--tls-cert', `${directory.path}/cert.pem`, '--tls-key', `${directory.path}/key.pem`]
    const tls = [...files, '--rtmps-port', `${port}`]
    const gateway = await startGateway(['--rtmp', 'embedded', ...tls])
    const url = `rtmps://127.0.0.1:${port}/live/safe`
    const source = ['-re', '-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=25', '-t', '6', '-pix_fmt', 'yuv420p']
    const encoded = ffmpeg(['-v', 'error', ...source, ...USUAL.slice(0, 6), '-f', 'flv', url])
    const played = until('it is played', async () => {
      const { code } = await ffmpeg(['-v', 'error', '-i', url, '-frames:v', '10', '-f', 'null', '-'])
      return code === 0
    })
    expect(await encoded).toMatchObject({ code: 0 })
    expect(await played).toBe(true)
    await gateway.stop()
  })

  it('needs a certificate', async () => {
    await expect(startGateway(['--rtmps-port', '1936'])).rejects.toThrow(/--rtmps-port needs a certificate/)
  })
})

describe('an nginx of its user', () => {
  it('is pushed to as docs/nginx-rtmp.conf says, every frame, and encoders publish to the gateway beside it', async () => {
    const port = await freePort()
    const documented = await readFile(fileURLToPath(new URL('../docs/nginx-rtmp.conf', import.meta.url)), 'utf8')
    const rtmp = documented.replace('listen 1935', `listen 127.0.0.1:${port}`).replace('/var/www/hls', directory.path)
    const module = '/usr/lib/nginx/modules/ngx_rtmp_module.so'
    const user = process.getuid?.() === 0 ? 'user root;' : ''
    const main = `load_module ${module}; ${user} daemon off; pid ${directory.path}/pid; error_log stderr crit;\nevents {}\n${rtmp}`
    await writeFile(`${directory.path}/nginx.conf`, main)
    const nginx = spawn('nginx', ['-p', directory.path, '-c', `${directory.path}/nginx.conf`], { stdio: 'ignore' })
    const exited = once(nginx, 'close')
    // The port of the gateway is the one that nginx has, as on a machine where both have their defaults.
    const gateway = await startGateway(['--rtmp', `rtmp://127.0.0.1:${port}/live`, '--rtmp-port', `${port}`])
    await gateway.logged({ msg: 'encoders cannot publish to this gateway', reason: /--rtmp-port/ })
    const clock = inBlobs('clock', await clockRecording(320, 240, 240), 8)
    await publish(ingestUrl(gateway, 'theirs'), clock)
    await gateway.stop()
    const playlist = await readFile(`${directory.path}/theirs.m3u8`, 'utf8')
    const segments = await Promise.all(
      [...playlist.matchAll(/^theirs-\d+\.ts$/gm)].map(([name]) => readFile(`${directory.path}/${name}`)),
    )
    expect(await readFrames(Buffer.concat(segments))).toEqual(counting(240))
    nginx.kill('SIGTERM')
    await exited
  })
})

describe('a keyframe of more than a megabyte', () => {
  it('reaches every viewer, and does not cut nginx off, which leaves it out of its HLS: that is said', async () => {
    const gateway = await startGateway(['--rtmp', 'nginx'])
    const noise = [
      '-f',
      'lavfi',
      '-i',
      'nullsrc=s=1280x720:r=1,geq=random(1)*255:128:128',
      '-t',
      '8',
      '-pix_fmt',
      'yuv420p',
    ]
    const file = `${directory.path}/big.flv`
    const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '1', '-qp', '8', '-f', 'flv', file]
    expect((await ffmpeg(['-v', 'error', ...noise, ...x264])).code).toBe(0)
    const target = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/big`
    const loop = ['-v', 'error', '-re', '-stream_loop', '-1', '-i', file, '-c', 'copy', '-f', 'flv', target]
    const encoder = spawn(FFMPEG, loop, { stdio: 'ignore' })
    await until('it is live', async () => (await gateway.stream('big'))?.state === 'live')
    const picture = ['-frames:v', '2', '-f', 'null', '-']
    const { code } = await ffmpeg(['-v', 'error', '-i', `${gateway.url}/live/big.flv`, ...picture])
    expect(code).toBe(0)
    const stream = await gateway.stream('big')
    expect(stream?.targets[0]).toMatchObject({ state: 'live', reconnects: 0 })
    expect(stream?.advice).toMatch(/^A picture has 1\.\d MB, and nginx makes HLS of pictures of up to 1 MB\./)
    encoder.kill('SIGKILL')
    await gateway.stop()
  })
})

describe('a peer that does not do what it should', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded', '--limits-in-all', 'connections=200'])
  })
  afterAll(() => gateway.stop())

  /** Opens connections that send `bytes`, and resolves when all of them are closed. */
  async function closed(count: number, bytes: Buffer): Promise<void> {
    const sockets = Array.from({ length: count }, () => {
      const socket = connect(gateway.rtmpPort, '127.0.0.1').resume()
      socket.on('error', () => {})
      socket.write(bytes)
      return new Promise<void>((resolve) => socket.once('close', () => resolve()))
    })
    await Promise.all(sockets)
  }

  it('is disconnected in time, and an encoder beside it notices nothing', async () => {
    const encoder = new TestEncoder(gateway.rtmpPort, 'beside')
    const publishing = encoder.publish(usual)
    await until('it is live', async () => (await gateway.stream('beside'))?.state === 'live')
    const hello = Buffer.concat([Buffer.from([3]), Buffer.alloc(3_072)])
    const nonsense = [
      Buffer.alloc(0),
      hello.subarray(0, 700),
      hello,
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      Buffer.concat([hello, Buffer.alloc(50_000, 0xa5)]),
    ]
    await Promise.all(nonsense.map((bytes) => closed(20, bytes)))
    expect((await gateway.stream('beside'))?.state).toBe('live')
    await encoder.end()
    await publishing
  })

  it('is refused where there are too many connections, and others come in when they are gone', async () => {
    const open: Socket[] = []
    for (let each = 0; each < 200; each++) open.push(connect(gateway.rtmpPort, '127.0.0.1').on('error', () => {}))
    await until('one is refused', () => open.some(({ destroyed }) => destroyed))
    for (const socket of open) socket.destroy()
    const encoder = await until('an encoder comes in', async () => {
      const one = new TestEncoder(gateway.rtmpPort, 'later')
      return (await one.answer())?.kind === 'published' ? one : null
    })
    await encoder.end()
  })

  it('is closed where it plays and reads nothing, and the gateway holds no more for it than the bound', async () => {
    const rss = async () =>
      Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${gateway.program.process.pid}/status`, 'utf8'))?.[1])
    const encoder = new TestEncoder(gateway.rtmpPort, 'heavy')
    // Half a megabyte for each picture: 12 MB a second.
    const publishing = encoder.publish(usual, (tag) =>
      isPictureKind(kindOf(tag)) ? [{ ...tag, body: Buffer.concat([tag.body, Buffer.alloc(500_000)]) }] : [tag],
    )
    await until('it is live', async () => (await gateway.stream('heavy'))?.state === 'live')
    const players = Array.from({ length: 8 }, () => {
      const args = ['-v', 'error', '-i', `rtmp://127.0.0.1:${gateway.rtmpPort}/live/heavy`, '-f', 'null', '-']
      return spawn(FFMPEG, args, { stdio: 'ignore' })
    })
    await until('they play', async () => (await gateway.stream('heavy'))?.viewers.rtmp === 8)
    for (const player of players) player.kill('SIGSTOP')
    await publishing
    // Nine megabytes each, and what the kernel does not take.
    expect(await rss()).toBeLessThan(500_000)
    expect((await gateway.stream('heavy'))?.viewers.skippedGops).toBeGreaterThan(0)
    for (const player of players) player.kill('SIGKILL')
    await encoder.end()
  })

  it('may come back a thousand times, and nothing of it stays', { timeout: 240_000 }, async () => {
    const descriptors = async () =>
      (await import('node:fs/promises')).readdir(`/proc/${gateway.program.process.pid}/fd`)
    const few = usual.filter(({ timestamp }) => timestamp < 40)
    const once = async (index: number) => {
      const encoder = new TestEncoder(gateway.rtmpPort, `again-${index % 20}`)
      if ((await encoder.answer())?.kind === 'published') for (const tag of few) encoder.send(tag)
      await encoder.end()
    }
    const before = (await descriptors()).length
    for (let round = 0; round < 50; round++) await Promise.all(Array.from({ length: 20 }, (_, index) => once(index)))
    await until(
      'all are gone',
      async () => (await (await fetch(`${gateway.url}/api/streams`)).json()).streams.length === 0,
    )
    await until('nothing is left', async () => (await descriptors()).length <= before + 2)
  })
})
