import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TAG_TYPE, type Tag } from '../server/flv/tag.ts'
import { makeTags, TestEncoder, USUAL } from './support/encoder.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { followHls } from './support/hls-follower.ts'
import { FFMPEG } from './support/media.ts'
import { until } from './support/wait.ts'

let gateway: TestGateway
let usual: Tag[]
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'embedded', '--resume-seconds', '20'])
  usual = await makeTags(USUAL)
})
afterAll(() => gateway.stop())

const isPicture = ({ type }: Tag) => type === TAG_TYPE.video
const follow = (name: string, datesFit = true) => followHls(`${gateway.url}/hls/${name}/ll.m3u8`, datesFit)

/** Publishes tags, each changed, while somebody follows. */
async function followed(name: string, change: (tag: Tag) => Tag[]) {
  const encoder = new TestEncoder(gateway.rtmpPort, name)
  const following = follow(name)
  await encoder.publish(usual, change)
  await encoder.end()
  return following
}

/** What FFmpeg publishes with these options, for so many seconds. */
async function encoded(name: string, seconds: number, options: string[]) {
  const url = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${name}`
  const encoder = spawn(FFMPEG, ['-v', 'error', '-re', ...options, '-t', `${seconds}`, '-f', 'flv', url], {
    stdio: 'ignore',
  })
  // What it has in its look-ahead comes at once, at the end.
  const following = follow(name, false)
  await once(encoder, 'exit')
  return following
}

const picture = (rate: string) => ['-f', 'lavfi', '-i', `testsrc2=s=320x240:r=${rate}`]
const TONE = ['-f', 'lavfi', '-i', 'sine=440:r=48000']
const X264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac']

describe('low-latency HLS of an encoder', () => {
  it.concurrent('whose picture stops for six seconds, and goes on, keeps both tracks and is legal', async () => {
    const { checker, seconds } = await followed('stops', (tag) =>
      isPicture(tag) && tag.timestamp > 3_000 && tag.timestamp < 9_000 ? [] : [tag],
    )
    // Too many pictures are behind its keyframe to show them again in each part: the last one lasts longer than its part.
    const others = [...checker.faults].filter((fault) => !/has pictures of|begins -\d+|less than 85 %/.test(fault))
    expect(others).toEqual([])
    expect(checker.tracks).toEqual(['vide,soun'])
    expect(seconds).toBeGreaterThan(11)
  })

  it.concurrent.each([
    ['back by 20 s', -20_000],
    ['ahead by 1.5 s', 1_500],
    ['ahead by an hour', 3_600_000],
  ])('whose clock jumps %s is legal', async (_, ms) => {
    const { checker, seconds } = await followed(`jumps${ms}`, (tag) => [
      { ...tag, timestamp: tag.timestamp + 100_000 + (tag.timestamp > 5_000 ? ms : 0) },
    ])
    expect([...checker.faults]).toEqual([])
    expect(seconds).toBeGreaterThan(11)
    expect(seconds).toBeLessThan(13)
  })

  it.concurrent('that blinks goes on behind a discontinuity', async () => {
    const following = follow('blinks')
    const first = new TestEncoder(gateway.rtmpPort, 'blinks')
    await first.publish(usual.filter(({ timestamp }) => timestamp < 5_000))
    await first.vanish()
    await until('it is waited for', async () => (await gateway.stream('blinks'))?.state === 'waiting')
    const left = Date.now()
    await until('it was away for three seconds', () => Date.now() - left > 3_000)
    const second = new TestEncoder(gateway.rtmpPort, 'blinks')
    await second.publish(usual.filter(({ timestamp }) => timestamp < 5_000))
    await second.end()
    const { checker, discontinuities, seconds } = await following
    expect([...checker.faults]).toEqual([])
    expect([discontinuities, Math.round(seconds)]).toEqual([1, 10])
  })

  it.concurrent.each([
    ['a picture a second and sound', [...picture('1'), ...TONE, ...X264, '-g', '2']],
    ['a picture a second', [...picture('1'), ...X264, '-g', '2']],
    ['a picture every 2.5 s and sound', [...picture('0.4'), ...TONE, ...X264, '-g', '1']],
    ['a picture every 2.5 s', [...picture('0.4'), ...X264, '-g', '1']],
    ['five pictures a second', [...picture('5'), ...TONE, ...X264, '-g', '10']],
    ['keyframes as x264 sets them', [...picture('24'), ...TONE, ...X264]],
    ['B-frames', [...picture('25'), ...TONE, ...X264, '-preset', 'medium', '-g', '50']],
  ])('with %s is legal', async (what, options) => {
    const name = what.replace(/\W/g, '_')
    const { checker, seconds } = await encoded(name, 20, options)
    expect([...checker.faults]).toEqual([])
    expect(seconds).toBeGreaterThan(15)
    expect(checker.tracks).toEqual(['vide,soun'])
  })
})
