import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tag } from '../server/flv/tag.ts'
import { makeTags } from './support/encoder.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { decode } from './support/media.ts'
import { freePort } from './support/resources.ts'
import { GUARDED, publishToken, tokenFor } from './support/tokens.ts'
import { until } from './support/wait.ts'
import { WhipEncoder } from './support/whip-encoder.ts'

let gateway: TestGateway
let tags: Tag[]
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'embedded', '--webrtc-port', `${await freePort()}`], GUARDED)
  const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-bf', '0', '-profile:v', 'high', '-an']
  tags = await makeTags(x264, 60)
})
afterAll(() => gateway.stop())

const live = (name: string) => until(`${name} is live`, async () => (await gateway.stream(name))?.state === 'live')

describe('an encoder with libdatachannel, as OBS is', () => {
  it('is played, and ends when it says so', async () => {
    const encoder = new WhipEncoder()
    await encoder.connect(`${gateway.url}/whip/obs`, await publishToken('obs'))
    const over = new AbortController()
    const sending = encoder.send(tags, over.signal)
    await live('obs')
    expect(await gateway.stream('obs')).toMatchObject({
      ...{ source: 'whip', audio: { codec: 'none', action: 'silence' } },
      video: { codec: 'h264', action: 'copy', width: 320, height: 240 },
    })
    const collector = new HlsCollector(`${gateway.url}/hls/obs/ll.m3u8`)
    await until('there is HLS', () => collector.poll())
    const ended = (async () => {
      await until('six seconds of it', () => collector.durations.reduce((sum, each) => sum + each, 0) > 6)
      over.abort()
      await sending
      // OBS takes no other status for a success.
      expect(await encoder.end()).toBe(200)
      expect(await gateway.stream('obs')).toBeNull()
    })()
    const { bytes } = await collector.collectUntil(ended)
    expect((await decode(bytes)).errors).toBe('')
  })

  it('goes on in the same broadcast when its connection was lost and it comes again with its token', async () => {
    const token = await publishToken('lost')
    const first = new WhipEncoder()
    await first.connect(`${gateway.url}/whip/lost`, token)
    const over = new AbortController()
    const sending = first.send(tags, over.signal)
    await live('lost')
    const id = (await gateway.stream('lost'))?.id
    // The old connection is still there: the token says that it is the same encoder.
    const second = new WhipEncoder()
    await second.connect(`${gateway.url}/whip/lost`, token)
    over.abort()
    await sending
    const again = new AbortController()
    const sendingAgain = second.send(tags, again.signal)
    await until('it is in the next epoch', async () => (await gateway.stream('lost'))?.epoch === 1)
    await live('lost')
    expect((await gateway.stream('lost'))?.id).toBe(id)
    await until('the old connection is closed', () => first.state === 'closed' || first.state === 'disconnected')
    again.abort()
    await sendingAgain
    expect(await second.end()).toBe(200)
    first.close()
  })

  it('is waited for while no media comes, and is live when it comes again', async () => {
    const encoder = new WhipEncoder()
    await encoder.connect(`${gateway.url}/whip/still`, await publishToken('still'))
    const over = new AbortController()
    const sending = encoder.send(tags, over.signal)
    await live('still')
    over.abort()
    await sending
    await until('it is waited for', async () => (await gateway.stream('still'))?.state === 'waiting')
    const again = new AbortController()
    const sendingAgain = encoder.send(tags, again.signal)
    await live('still')
    expect((await gateway.stream('still'))?.epoch).toBe(0)
    again.abort()
    await sendingAgain
    expect(await encoder.end()).toBe(200)
  })

  it('is cut off when its token expires', async () => {
    const encoder = new WhipEncoder()
    const token = await tokenFor({ stream: 'short', publish: true }, { seconds: 4 })
    await encoder.connect(`${gateway.url}/whip/short`, token)
    const over = new AbortController()
    const sending = encoder.send(tags, over.signal)
    await gateway.logged({ stream: 'short', code: 'unauthorized', msg: 'a publisher over WebRTC is cut off' })
    await until('it is closed', () => encoder.state === 'closed' || encoder.state === 'disconnected')
    over.abort()
    await sending
    encoder.close()
    expect(await gateway.stream('short')).toBeNull()
  })
})
