import { afterEach, describe, expect, it } from 'vitest'
import { type FfmpegPurpose, Ffmpegs } from './ffmpegs.ts'
import { thumbnailJob } from './jobs.ts'

const started: Ffmpegs[] = []
afterEach(() => {
  for (const ffmpegs of started.splice(0)) ffmpegs.kill('all')
})

/** The FFmpegs of a gateway, as many as there are uses; each waits for its standard input. */
async function running(...uses: FfmpegPurpose['use'][]) {
  const ffmpegs = new Ffmpegs(process.env.CASTGATE_FFMPEG ?? 'ffmpeg')
  started.push(ffmpegs)
  const runs = await Promise.all(uses.map((use) => ffmpegs.run(thumbnailJob(), { use, stream: 'cam', name: null }, {})))
  return { ffmpegs, runs, uses: () => ffmpegs.running().map(({ purpose }) => purpose.use) }
}

describe('the FFmpegs of a gateway', () => {
  it('are known while they run, and no longer', async () => {
    const { runs, uses } = await running('copy', 'finish')
    expect(uses()).toEqual(['copy', 'finish'])
    runs[0]?.stdin.end()
    await runs[0]?.exited
    expect(uses()).toEqual(['finish'])
  })

  it('end at once where they must: those that feed the bus first, and never those of another gateway', async () => {
    const one = await running('copy', 'transcode', 'finish', 'picture')
    const other = await running('copy')
    one.ffmpegs.kill('sources')
    await Promise.all(one.runs.slice(0, 2).map(({ exited }) => exited))
    expect(one.uses()).toEqual(['finish', 'picture'])
    one.ffmpegs.kill('all')
    await Promise.all(one.runs.map(({ exited }) => exited))
    expect(one.uses()).toEqual([])
    expect(other.uses()).toEqual(['copy'])
  })
})
