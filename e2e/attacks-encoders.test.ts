import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { FFMPEG } from './support/media.ts'
import { mediaPath } from './support/publisher.ts'
import { ADMIN, GUARDED, playToken, publishToken, tokenFor } from './support/tokens.ts'
import { until } from './support/wait.ts'

/** Publishes a recording to the RTMP server of `gateway` until it is killed, or refused. */
function publishRtmp(gateway: TestGateway, key: string): ChildProcess {
  const input = ['-re', '-stream_loop', '-1', '-i', mediaPath('synthetic-h264-aac.mp4')]
  const url = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${key}`
  return spawn(FFMPEG, ['-v', 'quiet', ...input, '-c', 'copy', '-f', 'flv', url], { stdio: 'ignore' })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
}

describe.each(['nginx', 'embedded'])('an encoder at the %s RTMP server', (rtmp) => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', rtmp], GUARDED)
  })
  afterAll(() => gateway.stop())

  const state = async (name: string) => (await gateway.stream(name))?.state

  it.each([
    ['without a token', async () => ''],
    ['with a wrong one', async () => `?token=${await tokenFor({ stream: 'cam', publish: true }, { secret: 'x' })}`],
    ["with another stream's", async () => `?token=${await publishToken('other')}`],
    ['with one to watch', async () => `?token=${await playToken('cam')}`],
    ['with a guess of the gateway’s own secret', async () => '?gateway=guess'],
    ['with two', async () => `?token=${await publishToken('cam')}&token=${await publishToken('cam')}`],
  ])('gets nowhere %s', async (_, query) => {
    const before = gateway.log().length
    const encoder = publishRtmp(gateway, `cam${await query()}`)
    await ended(encoder)
    expect(await state('cam')).toBeUndefined()
    const said = JSON.stringify(gateway.log().slice(before))
    expect(said).not.toContain('eyJ')
    expect(said).not.toContain('broadcast began')
  })

  it('broadcasts with a token in the query of its stream key, and is cut off when it is stopped', async () => {
    const token = await publishToken('cam')
    const encoder = publishRtmp(gateway, `cam?token=${token}`)
    await until('it is live', async () => (await state('cam')) === 'live')
    const { 'content-type': _, ...key } = ADMIN
    const stopped = await fetch(`${gateway.url}/api/streams/cam/stop`, { method: 'POST', headers: key })
    expect(stopped.status).toBe(204)
    await ended(encoder)
    expect(await state('cam')).toBeUndefined()
    await ended(publishRtmp(gateway, `cam?token=${token}`))
    expect(await state('cam')).toBeUndefined()
    expect(JSON.stringify(gateway.program.output())).not.toContain(token.slice(0, 20))
  })

  it('is cut off when its token expires', async () => {
    const token = await tokenFor({ stream: 'brief', publish: true }, { seconds: 4 })
    const encoder = publishRtmp(gateway, `brief?token=${token}`)
    await until('it is live', async () => (await state('brief')) === 'live')
    await ended(encoder)
    await until('it is over', async () => (await state('brief')) === undefined)
  })
})
