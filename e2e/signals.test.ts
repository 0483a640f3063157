import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:tls'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeCertificate, writeCertificate } from './support/certificate.ts'
import { signal, startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { castgate } from './support/program.ts'
import { ingestUrl, TestSocket } from './support/publisher.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { until } from './support/wait.ts'

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
beforeEach(async () => {
  directory = await temporaryDirectory()
})
afterEach(() => directory.remove())

const pidOf = ({ program }: TestGateway) => program.process.pid ?? 0
const says = (gateway: TestGateway, words: string) => gateway.logged({ msg: new RegExp(words) })

/** Whether a process listens where Node's inspector would (tcp6 has the same columns). */
async function hasInspector(pid: number): Promise<boolean> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8')))
  const port = (9229).toString(16).toUpperCase()
  return tables.some((table) => new RegExp(`:${port} \\S+ 0A `).test(table))
}

describe('a gateway', () => {
  it('goes on with its broadcast at signals that must not end it or open it', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded'])
    const loop = await startLoop(gateway, 'steady')
    const before = await until('it is live', async () => {
      const stream = await gateway.stream('steady')
      return stream?.state === 'live' ? stream : null
    })
    for (const name of ['SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const) signal(pidOf(gateway), name)
    await says(gateway, 'reading again what can be read again')
    // What it would print and open at once.
    expect(gateway.program.output().stderr).not.toMatch(/Debugger|inspector/i)
    expect(await hasInspector(pidOf(gateway))).toBe(false)
    await until('media goes on', async () => ((await gateway.stream('steady'))?.bytesIn ?? 0) > before.bytesIn)
    const after = await gateway.stream('steady')
    expect(after).toMatchObject({ id: before.id, state: 'live' })
    await loop.stop()
    await gateway.stop()
  })

  it('is not ended by SIGHUP while it starts, from its first lines on', async () => {
    const args = ['--rtmp', 'embedded', '--port', `${await freePort()}`, '--rtmp-port', `${await freePort()}`]
    const program = castgate(['serve', '--no-install', ...args, '--data-dir', directory.path])
    const pid = program.process.pid ?? 0
    // proc(5): the signals that a process catches, as a mask; SIGHUP is the lowest. Before that Node runs no line of ours.
    await until(
      'it catches SIGHUP',
      async () => {
        const [, mask = '0'] = /^SigCgt:\s*([\da-f]+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? []
        return (BigInt(`0x${mask}`) & 1n) === 1n
      },
      1,
    )
    const isReady = () => program.output().stdout.includes('gateway is ready')
    await until(
      'it is ready',
      () => {
        signal(pid, 'SIGHUP')
        return isReady()
      },
      20,
    )
    program.process.kill('SIGTERM')
    expect(await program.exited).toBe(0)
  })

  it('reads its certificate again at SIGHUP, also behind a link from another directory', async () => {
    const [first, second] = [await makeCertificate(), await makeCertificate()]
    const archive = `${directory.path}/archive`
    const live = `${directory.path}/live`
    await mkdir(archive)
    await mkdir(live)
    await writeCertificate(archive, first)
    for (const file of ['cert.pem', 'key.pem']) await symlink(`${archive}/${file}`, `${live}/${file}`)
    const gateway = await startGateway([
      '--rtmp',
      'embedded',
      '--tls-cert',
      `${live}/cert.pem`,
      '--tls-key',
      `${live}/key.pem`,
    ])
    const served = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
          resolve(socket.getPeerX509Certificate()?.toString() ?? '')
          socket.destroy()
        })
        socket.once('error', reject)
      })
    expect((await served()).trim()).toBe(first.cert.trim())
    await writeCertificate(archive, second)
    signal(pidOf(gateway), 'SIGHUP')
    await says(gateway, 'the certificate was read again')
    expect((await served()).trim()).toBe(second.cert.trim())
    await writeFile(`${archive}/cert.pem`, '')
    signal(pidOf(gateway), 'SIGHUP')
    await says(gateway, 'the changed certificate is not used')
    expect((await served()).trim()).toBe(second.cert.trim())
    await gateway.stop()
  })

  it('reads the keys of tokens again at SIGHUP, and keeps them where they cannot be read', async () => {
    const pair = () => generateKeyPairSync('ed25519')
    const [old, fresh] = [pair(), pair()]
    const file = `${directory.path}/keys.pem`
    const put = (key: typeof old) => writeFile(file, key.publicKey.export({ type: 'spki', format: 'pem' }))
    await put(old)
    const gateway = await startGateway(['--rtmp', 'embedded', '--token-keys', file])
    const answer = async ({ privateKey }: typeof old) => {
      const token = await new SignJWT({ stream: 'cam', publish: true })
        .setProtectedHeader({ alg: 'EdDSA' })
        .setExpirationTime('1m')
        .sign(privateKey)
      const socket = await new TestSocket(ingestUrl(gateway, 'cam')).opened()
      socket.send({ type: 'hello', session: null, token })
      await socket.next()
      const [message] = socket.messages
      socket.send({ type: 'end' })
      await socket.closed
      return message?.type
    }
    expect([await answer(old), await answer(fresh)]).toEqual(['welcome', 'error'])
    await put(fresh)
    signal(pidOf(gateway), 'SIGHUP')
    await says(gateway, 'the keys of tokens were read again')
    expect([await answer(old), await answer(fresh)]).toEqual(['error', 'welcome'])
    await writeFile(file, 'nonsense')
    signal(pidOf(gateway), 'SIGHUP')
    await says(gateway, 'the changed keys of tokens are not used')
    expect(await answer(fresh)).toBe('welcome')
    await gateway.stop()
  })
})
