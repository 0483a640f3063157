import { writeFile } from 'node:fs/promises'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import S3rver from 's3rver'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GatewayStatus, Recording } from '../client/api/gateway-api.ts'
import { encodeChunk } from '../shared/chunk.ts'
import { asAdmin, eventsOf, fetchBytes, readyRecording, recordedSoFar, recordingsOf } from './support/archive.ts'
import { startBrowser } from './support/browser.ts'
import { clockRecording } from './support/clock.ts'
import { readFrames, withoutRepeats } from './support/clock-reader.ts'
import { descendantsOf, signal, startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { decode, ffmpeg } from './support/media.ts'
import { castgate } from './support/program.ts'
import { inBlobs, ingestUrl, publish, readRecording, TestSocket } from './support/publisher.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { mountSmallDisk, type SmallDisk } from './support/small-disk.ts'
import { ADMIN_KEY, GUARDED, publishToken, tokenFor, WITH_KEY } from './support/tokens.ts'
import { NOT_KEPT, until } from './support/wait.ts'

const FLOOR = ['--disk-floor', '1MB']

describe('a gateway that records', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded', '--record', ...FLOOR], WITH_KEY)
  })
  afterAll(() => gateway.stop())

  it.each([
    ['chrome-h264.webm', 'copy'],
    ['chrome-h264.mp4', 'copy'],
    ['chrome-h264-resize.webm', 'copy'],
    ['chrome-silent.webm', 'copy'],
    ['firefox-vp8.webm', 'transcode'],
  ])('keeps every frame of %s, in order, with sound', async (name, action) => {
    const recording = await readRecording(name)
    const stream = name.replace('.', '_')
    await publish(ingestUrl(gateway, stream), recording, { pace: 'fast' })
    const { play, seconds, reason, droppedFrames } = await readyRecording(gateway, stream)
    const mp4 = await fetchBytes(play)
    const frames = await readFrames(mp4)
    expect(action === 'copy' ? frames : withoutRepeats(frames)).toEqual(await readFrames(recording.bytes))
    const { errors, audioSeconds } = await decode(mp4)
    expect(errors).toBe('')
    const length = (recording.blobs.at(-1)?.at ?? 0) / 1000
    expect(Math.abs((seconds ?? 0) - length)).toBeLessThan(1.5)
    expect(audioSeconds).toBeGreaterThan(length - 1.5)
    expect({ reason, droppedFrames }).toEqual({ reason: 'ended', droppedFrames: 0 })
    // The index comes before the pictures, so that a player can seek in what it has not loaded.
    expect(mp4.indexOf('moov')).toBeLessThan(mp4.indexOf('mdat'))
  })

  it('keeps every frame where codec and size of the picture change on the way', async () => {
    const clips = [await readRecording('firefox-vp8.webm'), await readRecording('chrome-h264-resize.webm')]
    const socket = await new TestSocket(ingestUrl(gateway, 'changing')).opened()
    socket.send({ type: 'hello', session: null })
    let sequence = 0
    for (const [epoch, { blobs }] of clips.entries()) {
      const mimeType = epoch === 0 ? 'video/webm;codecs=vp8,opus' : 'video/webm;codecs=avc1,opus'
      socket.send({ type: 'epoch', epoch, at: epoch * 20_000, mimeType })
      for (const { bytes } of blobs) socket.send(encodeChunk({ epoch, sequence: sequence++, payload: bytes }))
    }
    socket.send({ type: 'end' })
    await socket.closed
    const mp4 = await fetchBytes((await readyRecording(gateway, 'changing')).play)
    const expected = await Promise.all(clips.map(({ bytes }) => readFrames(bytes)))
    expect(withoutRepeats(await readFrames(mp4))).toEqual(withoutRepeats(expected.flat()))
    expect((await decode(mp4)).errors).toBe('')
  })

  it('has a poster of what has a picture, and none of what is sound alone', async () => {
    const [pictured] = await recordingsOf(gateway, 'chrome-h264_webm')
    const jpeg = await fetchBytes(pictured?.posterUrl ?? null)
    expect(jpeg.subarray(0, 3)).toEqual(Buffer.of(0xff, 0xd8, 0xff))
    expect((await readFrames(jpeg))[0]).toBeGreaterThan(0)
    await publish(ingestUrl(gateway, 'sound'), await readRecording('chrome-audio-only.webm'), { pace: 'fast' })
    const sound = await readyRecording(gateway, 'sound')
    expect(sound).toMatchObject({ poster: false, posterUrl: null })
    expect((await decode(await fetchBytes(sound.play))).audioSeconds).toBeGreaterThan(6)
  })

  it('plays it in a browser, which seeks in it', async () => {
    const [recording] = await recordingsOf(gateway, 'chrome-h264-resize_webm')
    const browser = await startBrowser([])
    const page = await browser.newPage()
    await page.goto(recording?.play ?? '')
    const at = await page.locator('video').evaluate(async (video: HTMLVideoElement) => {
      const sought = new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }))
      video.currentTime = video.duration / 2
      await sought
      return [video.currentTime, video.duration / 2, video.videoWidth]
    })
    expect(at[0]).toBeCloseTo(at[1] ?? 0, 1)
    expect(at[2]).toBeGreaterThan(0)
    await browser.close()
  })

  it('gives parts of it, and a file to keep, to those with a link or the admin key', async () => {
    const [recording] = await recordingsOf(gateway, 'chrome-h264_webm')
    const play = recording?.play ?? ''
    const part = await fetch(play, { headers: { ...NOT_KEPT.headers, range: 'bytes=4-7' } })
    expect([part.status, await part.text()]).toEqual([206, 'ftyp'])
    const download = await fetch(recording?.download ?? '', NOT_KEPT)
    expect(download.headers.get('content-disposition')).toBe(`attachment; filename="${recording?.id}.mp4"`)
    await download.arrayBuffer()
    const bare = play.split('?')[0] ?? ''
    const codeOf = async (url: string, headers = {}) => {
      const answer = await fetch(url, { headers: { ...NOT_KEPT.headers, ...headers } })
      await answer.arrayBuffer()
      return answer.status
    }
    const files = `${gateway.url}/recordings`
    expect(await codeOf(bare)).toBe(401)
    expect(await codeOf(bare, { authorization: `Bearer ${ADMIN_KEY}` })).toBe(200)
    expect(await codeOf(play.replace('.mp4', '.jpg'))).toBe(401)
    expect(await codeOf(`${files}/..%2f..%2fpackage.mp4?${play.split('?')[1]}`)).toBe(404)
    expect(await codeOf(`${files}/none.mp4`, { authorization: `Bearer ${ADMIN_KEY}` })).toBe(404)
    expect((await fetch(`${gateway.url}/api/recordings`, NOT_KEPT)).status).toBe(401)
  })

  it('removes it when it is told to', async () => {
    const [recording] = await recordingsOf(gateway, 'chrome-silent_webm')
    expect((await asAdmin(gateway, `recordings/${recording?.id}`, 'DELETE')).status).toBe(204)
    expect((await asAdmin(gateway, `recordings/${recording?.id}`)).status).toBe(404)
    expect((await fetch(recording?.play ?? '', NOT_KEPT)).status).toBe(404)
  })

  it('does not remove one that is being made', async () => {
    const loop = await startLoop(gateway, 'busy')
    const { id } = await until('it is recorded', async () => (await recordingsOf(gateway, 'busy'))[0])
    expect((await asAdmin(gateway, `recordings/${id}`, 'DELETE')).status).toBe(409)
    await loop.stop()
    const types = await until('the broadcast has ended, and its recording is ready', async () => {
      const types = (await eventsOf(gateway, 'busy')).map(({ type }) => type)
      return types.includes('stream.ended') && types.includes('recording.ready') ? types : null
    })
    // Which of the two comes first is open: a recording may be ready while other outputs still end.
    expect(types.filter((type) => type.startsWith('stream'))).toEqual(['stream.started', 'stream.ended'])
    expect(types.filter((type) => type.startsWith('recording'))).toEqual([
      'recording.started',
      'recording.stopped',
      'recording.ready',
    ])
  })
})

describe('a recording', () => {
  it('begins and ends in the middle of a broadcast, by the API, and goes on to be whole', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', ...FLOOR], WITH_KEY)
    const loop = await startLoop(gateway, 'part')
    expect(await recordingsOf(gateway, 'part')).toEqual([])
    expect((await asAdmin(gateway, 'streams/none/recording', 'POST')).status).toBe(404)
    const begun = await asAdmin<Recording>(gateway, 'streams/part/recording', 'POST')
    expect(begun).toMatchObject({ status: 200, body: { state: 'recording', reason: null, play: null } })
    // A second time it is the same one.
    expect((await asAdmin<Recording>(gateway, 'streams/part/recording', 'POST')).body.id).toBe(begun.body.id)
    await until('there is something', async () => ((await recordingsOf(gateway, 'part'))[0]?.bytes ?? 0) > 500_000)
    const ended = await asAdmin<Recording>(gateway, 'streams/part/recording', 'DELETE')
    expect(ended).toMatchObject({ status: 200, body: { reason: 'stopped' } })
    expect((await asAdmin(gateway, 'streams/part/recording', 'DELETE')).status).toBe(404)
    expect((await gateway.stream('part'))?.state).toBe('live')
    const { play } = await readyRecording(gateway, 'part')
    expect((await decode(await fetchBytes(play))).errors).toBe('')
    await loop.stop()
    await gateway.stop()
  })

  it('is made of what a token says is to be recorded, and of nothing else', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', ...FLOOR], GUARDED)
    const clip = await readRecording('chrome-h264.webm')
    const token = await tokenFor({ stream: 'kept', publish: true, record: true })
    await publish(ingestUrl(gateway, 'kept'), clip, { pace: 'fast', token })
    await publish(ingestUrl(gateway, 'let-go'), clip, { pace: 'fast', token: await publishToken('let-go') })
    await readyRecording(gateway, 'kept')
    expect(await recordingsOf(gateway, 'let-go')).toEqual([])
    await gateway.stop()
  })

  it('survives a gateway that is killed: it can be played as it is, and the next start finishes it', async () => {
    const directory = await temporaryDirectory()
    const args = ['--rtmp', 'embedded', '--record', '--data-dir', directory.path, ...FLOOR]
    const killed = await startGateway(args, WITH_KEY)
    const clock = inBlobs('clock', await clockRecording(320, 240, 600), 20)
    publish(ingestUrl(killed, 'survivor'), clock).catch(() => {})
    const before = await until('some of it is on the disk', async () => {
      const [recording] = await recordingsOf(killed, 'survivor')
      return recording && recording.bytes > 300_000 ? recording : null
    })
    const children = [...(await descendantsOf(killed.program.process.pid ?? 0)).keys()]
    killed.program.process.kill('SIGKILL')
    await killed.program.exited
    for (const pid of children) signal(pid, 'SIGKILL')
    const flv = await recordedSoFar(directory.path, before)
    const played = await readFrames(flv)
    expect(played.length).toBeGreaterThan(30)
    const { code } = await ffmpeg(['-v', 'error', '-f', 'flv', '-i', 'pipe:0', '-f', 'null', '-'], flv)
    expect(code).toBe(0)
    const next = await startGateway(args, WITH_KEY)
    const recording = await readyRecording(next, 'survivor')
    expect(recording).toMatchObject({ id: before.id, reason: 'interrupted', poster: true })
    const frames = await readFrames(await fetchBytes(recording.play))
    expect(frames).toEqual(Array.from({ length: frames.length }, (_, index) => index + 1))
    expect(frames.length).toBeGreaterThanOrEqual(played.length)
    await next.stop()
    await directory.remove()
  })
})

describe('a directory with recordings', () => {
  it('has one gateway: another one is refused, and the recording goes on', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', '--record', ...FLOOR], WITH_KEY)
    const loop = await startLoop(gateway, 'held')
    await until('it is recorded', async () => (await recordingsOf(gateway, 'held'))[0])
    const ports = ['--port', `${await freePort()}`, '--rtmp-port', `${await freePort()}`]
    const second = castgate(['serve', '--rtmp', 'embedded', '--data-dir', gateway.dataDir, ...ports])
    expect(await second.exited).toBe(3)
    expect(second.output().stderr).toMatch(/Another gateway \(process \d+\) uses .*recordings/)
    expect((await recordingsOf(gateway, 'held'))[0]?.state).toBe('recording')
    await loop.stop()
    await readyRecording(gateway, 'held')
    await gateway.stop()
  })

  it('remembers what ended while its gateway did, and finishes it at the next start', async () => {
    const directory = await temporaryDirectory()
    const args = ['--rtmp', 'embedded', '--record', '--data-dir', directory.path, ...FLOOR]
    const first = await startGateway(args, WITH_KEY)
    await startLoop(first, 'evening')
    await until('there is something', async () => ((await recordingsOf(first, 'evening'))[0]?.bytes ?? 0) > 300_000)
    await first.stop()
    const next = await startGateway(args, WITH_KEY)
    expect(await readyRecording(next, 'evening')).toMatchObject({ reason: 'ended', problem: null })
    await next.stop()
    await directory.remove()
  })
})

/** A recording of so many seconds that no encoder makes small. */
async function noise(seconds: number): Promise<Buffer> {
  const input = ['-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=30,noise=alls=80:allf=t`, '-t', `${seconds}`]
  const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-qp', '34', '-g', '60', '-pix_fmt', 'yuv420p']
  const { code, stdout, stderr } = await ffmpeg(['-v', 'error', ...input, ...video, '-f', 'matroska', 'pipe:1'])
  if (code !== 0) throw new Error(`FFmpeg made no noise: ${stderr}`)
  return stdout
}

describe('a bucket', () => {
  it('gets what is ready, again until it takes it', async () => {
    const directory = await temporaryDirectory()
    const port = await freePort()
    const access = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }
    const configuration = `record: true
record-keep-size: 100MB
disk-floor: 1MB
s3: { bucket: recordings, prefix: castgate/, endpoint: 'http://127.0.0.1:${port}' }
`
    await writeFile(`${directory.path}/castgate.yaml`, configuration)
    const gateway = await startGateway(['--rtmp', 'embedded', '--config', `${directory.path}/castgate.yaml`], {
      ...WITH_KEY,
      AWS_ACCESS_KEY_ID: access.accessKeyId,
      AWS_SECRET_ACCESS_KEY: access.secretAccessKey,
    })
    // More than one part of an upload (5 MiB, as S3 has it).
    const large = inBlobs('large', await noise(8), 8)
    await publish(ingestUrl(gateway, 'first'), large, { pace: 'fast' })
    await until('nobody takes it', async () =>
      (await eventsOf(gateway, 'first')).some(({ type }) => type === 'recording.failed'),
    )
    const { problems } = (await asAdmin<GatewayStatus>(gateway, 'status')).body
    expect(problems[0]?.message).toMatch(/^A recording of "first" could not be uploaded: .*\. It is tried again\.$/)
    const { id, play } = await readyRecording(gateway, 'first')
    const mp4 = await fetchBytes(play)
    expect(mp4.length).toBeGreaterThan(5 * 1024 * 1024)
    const buckets = new S3rver({
      ...{ port, address: '127.0.0.1', silent: true, directory: `${directory.path}/s3` },
      configureBuckets: [{ name: 'recordings', configs: [] }],
    })
    await buckets.run()
    // The next one is the occasion to try again.
    await publish(ingestUrl(gateway, 'second'), await readRecording('chrome-silent.webm'), { pace: 'fast' })
    await until('both are there', async () => {
      const types = [...(await eventsOf(gateway, 'first')), ...(await eventsOf(gateway, 'second'))].map(
        ({ type }) => type,
      )
      return types.filter((type) => type === 'recording.uploaded').length === 2
    })
    const client = new S3Client({
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${port}`,
      forcePathStyle: true,
      credentials: access,
    })
    const { Body, ContentType } = await client.send(
      new GetObjectCommand({ Bucket: 'recordings', Key: `castgate/${id}/recording.mp4` }),
    )
    expect(ContentType).toBe('video/mp4')
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(mp4)).toBe(true)
    client.destroy()
    await gateway.stop()
    await buckets.close()
    await directory.remove()
  })
})

describe('a disk without room', () => {
  it('is left alone below the floor, and the broadcast goes on', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', '--record', '--disk-floor', '900TB'], WITH_KEY)
    const loop = await startLoop(gateway, 'floor')
    const stopped = await until('it is told', async () =>
      (await eventsOf(gateway, 'floor')).find(({ type }) => type === 'recording.stopped'),
    )
    expect(stopped.data.reason).toBe('disk_floor')
    expect(stopped.message).toBe('The recording of "floor" ended: the disk is almost full.')
    expect((await gateway.stream('floor'))?.state).toBe('live')
    await loop.stop()
    await gateway.stop()
  })

  const disk = mountSmallDisk()
  afterAll(() => disk?.remove())

  it.skipIf(disk === null)(
    'ends the recording where it is full; the broadcast goes on, and what was written is whole',
    async () => {
      const { path } = disk as SmallDisk
      const args = ['--rtmp', 'embedded', '--record', '--data-dir', path, '--disk-floor', '0']
      const gateway = await startGateway(args, WITH_KEY)
      const loop = await startLoop(gateway, 'full')
      const stopped = await until('it is told', async () =>
        (await eventsOf(gateway, 'full')).find(({ type }) => type === 'recording.stopped'),
      )
      expect(stopped.data.reason).toBe('disk_full')
      const { problems } = (await asAdmin<GatewayStatus>(gateway, 'status')).body
      expect(problems.map(({ message }) => message)).toContain('"full" is not recorded: the disk is full.')
      const [recording] = await recordingsOf(gateway, 'full')
      const before = (await gateway.stream('full'))?.bytesIn ?? 0
      await until(
        'the broadcast goes on',
        async () => ((await gateway.stream('full'))?.bytesIn ?? 0) > before + 500_000,
      )
      expect((await gateway.stream('full'))?.state).toBe('live')
      const failed = await until('it waits for room', async () =>
        (await eventsOf(gateway, 'full')).find(({ type }) => type === 'recording.failed'),
      )
      expect(failed.data.problem).toBe('there is no room for it on the disk')
      const frames = await readFrames(await recordedSoFar(path, recording as Recording))
      expect(frames.length).toBeGreaterThan(60)
      await loop.stop()
      await gateway.stop()
    },
  )
})
