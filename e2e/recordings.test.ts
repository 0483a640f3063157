import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clockRecording } from './support/clock.ts'
import { readFrames, withoutRepeats } from './support/clock-reader.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { decode } from './support/media.ts'
import { ingestUrl, publish, readRecording } from './support/publisher.ts'

/** Recordings of real browsers, and what the server does with their pictures and sound. */
const RECORDINGS = [
  ['chrome-h264.webm', 'h264', 'copy', 'opus', 'transcode'],
  ['chrome-h264.mp4', 'h264', 'copy', 'opus', 'transcode'],
  ['chrome-h264-resize.webm', 'h264', 'copy', 'opus', 'transcode'],
  ['chrome-vp8.webm', 'vp8', 'transcode', 'opus', 'transcode'],
  ['chrome-vp9.webm', 'vp9', 'transcode', 'opus', 'transcode'],
  ['chrome-av1.webm', 'av1', 'transcode', 'opus', 'transcode'],
  ['firefox-vp8.webm', 'vp8', 'transcode', 'opus', 'transcode'],
  ['chrome-silent.webm', 'h264', 'copy', 'none', 'silence'],
] as const

describe.each(['nginx', 'embedded'])('a recording sent to a gateway with the %s RTMP server', (rtmp) => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', rtmp])
  })
  afterAll(() => gateway.stop())

  it.concurrent.each(RECORDINGS)(
    '%s comes out as HLS with every frame once, in order, and with sound',
    async (name, codec, action, audio, audioAction) => {
      const recording = await readRecording(name)
      const stream = name.replace('.', '_')
      const published = publish(ingestUrl(gateway, stream), recording)
      const collector = new HlsCollector(`${gateway.url}/hls/${stream}.m3u8`)
      let status = await gateway.stream(stream)
      const { bytes, durations } = await collector.collectUntil(
        Promise.all([
          published,
          (async () => {
            while (status?.state !== 'live' || status.video?.width === 0) status = await gateway.stream(stream)
          })(),
        ]),
      )
      expect(status?.video).toMatchObject({ codec, action })
      expect(status?.audio).toEqual({ codec: audio, action: audioAction })
      const expected = await readFrames(recording.bytes)
      const came = await readFrames(bytes)
      expect(action === 'copy' ? came : withoutRepeats(came)).toEqual(expected)
      const decoded = await decode(bytes)
      expect(decoded.errors).toBe('')
      expect(decoded.audioSeconds).toBeGreaterThan((recording.blobs.at(-1)?.at ?? 0) / 1000 - 1.5)
      if (audioAction === 'silence') expect(decoded.loudestDb).toBeLessThan(-80)
      else expect(decoded.loudestDb).toBeGreaterThan(-40)
      expect(Math.max(...durations)).toBeLessThan(7)
    },
  )

  it('loses no frame of a backlog that comes at once, as after an outage', async () => {
    // Small pictures: several segments of them come within a millisecond.
    const bytes = await clockRecording(320, 180, 900)
    const recording = { name: 'backlog', bytes, blobs: [{ at: 0, bytes }] }
    const collector = new HlsCollector(`${gateway.url}/hls/backlog.m3u8`)
    const url = ingestUrl(gateway, 'backlog')
    const published = publish(url, recording, { pace: 'fast', mimeType: 'video/x-matroska;codecs=avc1,opus' })
    const came = await collector.collectUntil(published)
    expect(await readFrames(came.bytes)).toEqual(await readFrames(bytes))
  })

  it.concurrent('plays a recording that has sound alone', async () => {
    const recording = await readRecording('chrome-audio-only.webm')
    const collector = new HlsCollector(`${gateway.url}/hls/sound.m3u8`)
    const { bytes } = await collector.collectUntil(publish(ingestUrl(gateway, 'sound'), recording))
    const { errors, audioSeconds, loudestDb } = await decode(bytes)
    expect(errors).toBe('')
    expect(audioSeconds).toBeGreaterThan(6)
    expect(loudestDb).toBeGreaterThan(-40)
  })
})
