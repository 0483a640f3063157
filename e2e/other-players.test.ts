import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TAG_TYPE, type Tag } from '../server/flv/tag.ts'
import { startBrowser } from './support/browser.ts'
import { makeTags, TestEncoder, USUAL } from './support/encoder.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { look, OTHER_PLAYERS, type OtherPlayer, startPlayers } from './support/players.ts'
import { until } from './support/wait.ts'

let gateway: TestGateway
let browser: Browser
let players: Awaited<ReturnType<typeof startPlayers>>
let small: Tag[]
let large: Tag[]
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'embedded'])
  browser = await startBrowser(['--autoplay-policy=no-user-gesture-required'])
  players = await startPlayers()
  small = await makeTags(USUAL, 120)
  large = await makeTags(['-s', '640x480', ...USUAL], 60)
})
afterAll(async () => {
  players.close()
  await browser.close()
  await gateway.stop()
})

const isPicture = ({ type, body }: Tag) => type === TAG_TYPE.video && body[1] === 1

describe('players of other people', () => {
  it('play on through a picture that stops, a clock that jumps, an encoder that blinks and another size, and end with the broadcast', async () => {
    let isDark = false
    let jump = 0
    const encoder = new TestEncoder(gateway.rtmpPort, 'others')
    const publishing = encoder.publish(small, (tag) =>
      isDark && isPicture(tag) ? [] : [{ ...tag, timestamp: tag.timestamp + jump }],
    )
    await until('there is HLS', async () => (await fetch(`${gateway.url}/hls/others/ll.m3u8`)).ok)
    const sourceOf = (name: OtherPlayer) =>
      `${gateway.url}${name === 'mpegts.js' ? '/live/others.flv' : '/hls/others/master.m3u8'}`
    const pages: [OtherPlayer, Page][] = []
    for (const name of OTHER_PLAYERS) pages.push([name, await players.open(browser, name, sourceOf(name))])

    /** Resolves when each of them has played for five seconds more than when this was asked, and no player has failed. */
    const allPlayOn = async (what: string) => {
      const before = new Map(
        await Promise.all(pages.map(async ([name, page]) => [name, (await look(page)).time] as const)),
      )
      for (const [name, page] of pages) {
        await until(`${name} plays on: ${what}`, async () => {
          const { time, failed } = await look(page)
          if (failed.length > 0) throw new Error(`${name} failed: ${failed.join(', ')} (${what})`)
          return time > (before.get(name) ?? 0) + 5
        })
      }
    }

    await allPlayOn('from the beginning')
    isDark = true
    await allPlayOn('while no picture comes')
    isDark = false
    await allPlayOn('with pictures again')
    jump = 1_500
    await allPlayOn('behind a jump of the clock by 1.5 s')
    await encoder.vanish()
    await publishing
    await until('it is waited for', async () => (await gateway.stream('others'))?.state === 'waiting')
    const other = new TestEncoder(gateway.rtmpPort, 'others')
    const publishingLarge = other.publish(large)
    await allPlayOn('when the encoder is back, with another size')
    for (const [name, page] of pages)
      await until(`${name} has the new size`, async () => (await look(page)).width === 640)
    await other.end()
    await publishingLarge
    for (const [name, page] of pages) {
      await until(`${name} ends`, async () => (await look(page)).ended)
      expect([name, (await look(page)).failed]).toEqual([name, []])
      await page.close()
    }
  })
})
