import { describe, expect, it } from 'vitest'
import type { BusTag } from '../flv/gop-cache.ts'
import { kindOf, TAG_TYPE, type Tag, type TagKind } from '../flv/tag.ts'
import type { Output } from './broadcast.ts'
import { Directory } from './directory.ts'
import { Subscription } from './subscription.ts'

const PICTURE = { video: true, audio: true }
const SOUND = { video: false, audio: true }
const never = new AbortController().signal
const VIDEO = { codec: 'h264', width: 0, height: 0, action: 'copy' as const }
const AUDIO = { codec: 'opus', action: 'transcode' as const }

const BODIES: Record<TagKind, [number, number[]]> = {
  metadata: [TAG_TYPE.script, [2, 0, 0]],
  'video-header': [TAG_TYPE.video, [0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x20, 0xff, 0xe0, 0]],
  'audio-header': [TAG_TYPE.audio, [0xaf, 0, 0x11, 0x90]],
  keyframe: [TAG_TYPE.video, [0x17, 1, 0, 0, 0]],
  interframe: [TAG_TYPE.video, [0x27, 1, 0, 0, 0]],
  audio: [TAG_TYPE.audio, [0xaf, 1, 0]],
}

function tag(kind: TagKind, timestamp: number): Tag {
  const [type, body] = BODIES[kind]
  return { type: type as Tag['type'], timestamp, body: Buffer.from(body) }
}

function busTag(kind: TagKind, size: number): BusTag {
  return { kind, timestamp: 0, bytes: Buffer.alloc(size) }
}

const kinds = (tags: readonly BusTag[] | null) => tags?.map(({ kind }) => kind)

function liveBroadcast() {
  const events: string[] = []
  const directory = new Directory()
  directory.on('live', () => events.push('live'))
  directory.on('fault', (_, error) => events.push(`fault: ${error}`))
  directory.on('closed', () => events.push('closed'))
  const broadcast = directory.claim('name', 'recorder')
  const writer = broadcast.beginEpoch({ epoch: 0, at: 0, video: { ...VIDEO }, audio: AUDIO })
  for (const [kind, at] of [
    ['metadata', 0],
    ['video-header', 0],
    ['audio-header', 0],
    ['keyframe', 0],
    ['interframe', 33],
    ['audio', 40],
  ] as const) {
    writer.write(tag(kind, at))
  }
  return { broadcast, writer, events }
}

describe('Broadcast', () => {
  it('gives someone who joins the headers, then everything since the last keyframe, then what comes', async () => {
    const { broadcast, writer } = liveBroadcast()
    writer.write(tag('keyframe', 66))
    writer.write(tag('interframe', 99))
    const subscription = broadcast.subscribe()
    expect(kinds(await subscription.next(never))).toEqual([
      'metadata',
      'video-header',
      'audio-header',
      'keyframe',
      'interframe',
    ])
    writer.write(tag('audio', 100))
    expect(kinds(await subscription.next(never))).toEqual(['audio'])
  })

  it('is live from its first keyframe on, and tells so once', () => {
    const { broadcast, writer, events } = liveBroadcast()
    writer.write(tag('keyframe', 66))
    expect([broadcast.state, events]).toEqual(['live', ['live']])
    broadcast.sourcePresent = false
    expect(broadcast.state).toBe('waiting')
  })

  it('ends once: subscribers get what is queued, outputs close, and then the name is free', async () => {
    const { broadcast, events } = liveBroadcast()
    const subscription = broadcast.subscribe()
    const output: Output = {
      status: () => null,
      close: async () => {
        events.push('output closed')
      },
    }
    broadcast.addOutput(output)
    await Promise.all([broadcast.end(), broadcast.end()])
    expect(events).toEqual(['live', 'output closed', 'closed'])
    expect((await subscription.next(never))?.length).toBeGreaterThan(0)
    expect(await subscription.next(never)).toBeNull()
  })

  it('goes on without a listener that fails, and ends all the same', async () => {
    const { broadcast, writer, events } = liveBroadcast()
    const subscription = broadcast.subscribe()
    let calls = 0
    broadcast.listen({
      push: () => {
        if (++calls > 7) throw new Error('full')
      },
      end: () => {},
    })
    broadcast.listen({
      push: () => {},
      end: () => {
        throw new Error('late')
      },
    })
    for (const at of [66, 99, 133]) writer.write(tag('interframe', at))
    await broadcast.end()
    expect(calls).toBe(8)
    expect(events).toEqual(['live', 'fault: Error: full', 'fault: Error: late', 'closed'])
    expect(kinds(await subscription.next(never))).toHaveLength(9)
  })

  it('puts silence beside a picture that has no sound, from its first picture on', async () => {
    const broadcast = new Directory().claim('name', 'recorder')
    const subscription = broadcast.subscribe()
    const writer = broadcast.beginEpoch({
      epoch: 0,
      at: 0,
      video: { ...VIDEO },
      audio: { codec: 'none', action: 'silence' },
    })
    writer.write(tag('video-header', 0))
    writer.write(tag('keyframe', 0))
    expect(kinds(await subscription.next(never))).toEqual(['video-header', 'audio-header', 'audio', 'keyframe'])
    expect(broadcast.layout).toEqual({ video: true, audio: true })
  })

  it('passes on no header that says nothing, and no picture that holds none', async () => {
    const { broadcast, writer } = liveBroadcast()
    const subscription = broadcast.subscribe()
    await subscription.next(never)
    writer.write({ type: TAG_TYPE.video, timestamp: 50, body: Buffer.from([0x17, 2, 0, 0, 0]) })
    writer.write({ type: TAG_TYPE.video, timestamp: 50, body: Buffer.from([0x17, 0, 0, 0, 0]) })
    writer.write(tag('interframe', 66))
    expect(kinds(await subscription.next(never))).toEqual(['interframe'])
  })
})

describe('Subscription', () => {
  const headers = () => [busTag('video-header', 1), busTag('audio-header', 1)]

  it('drops what waits when it is full, and goes on with the headers and the next keyframe', async () => {
    const subscription = new Subscription(headers, 100)
    for (const kind of ['keyframe', 'interframe', 'audio'] as const) subscription.push(busTag(kind, 30), PICTURE)
    subscription.push(busTag('interframe', 30), PICTURE)
    subscription.push(busTag('audio', 30), PICTURE)
    expect(subscription.dropped).toEqual({ overflows: 1, frames: 5 })
    subscription.push(busTag('keyframe', 30), PICTURE)
    expect(kinds(await subscription.next(never))).toEqual(['video-header', 'audio-header', 'keyframe'])
  })

  it('goes on with the next sound where there is no picture', async () => {
    const subscription = new Subscription(headers, 100)
    for (let i = 0; i < 4; i++) subscription.push(busTag('audio', 30), SOUND)
    expect(kinds(await subscription.next(never))).toEqual(['video-header', 'audio-header', 'audio'])
  })

  it('wakes whoever waits, at a tag, at the end, and when they give up', async () => {
    const subscription = new Subscription(headers)
    const waiting = subscription.next(never)
    subscription.push(busTag('keyframe', 1), PICTURE)
    expect(kinds(await waiting)).toEqual(['keyframe'])
    const given = new AbortController()
    const abandoned = subscription.next(given.signal)
    given.abort()
    expect(await abandoned).toBeNull()
    const last = subscription.next(never)
    subscription.end()
    expect(await last).toBeNull()
  })
})

describe('Directory', () => {
  it('reports what happens to any broadcast, in the order in which it was asked, until that is ended', async () => {
    const directory = new Directory()
    const heard: string[] = []
    const stop = directory.on('presence', ({ name, sourcePresent }) => heard.push(`${name} ${sourcePresent}`))
    directory.on('presence', ({ name }) => heard.push(`second: ${name}`))
    directory.on('closed', ({ name }) => heard.push(`${name} closed, ${directory.get(name)}`))
    const broadcast = directory.claim('cam', 'recorder')
    broadcast.sourcePresent = false
    stop()
    broadcast.sourcePresent = true
    await broadcast.end()
    expect(heard).toEqual(['cam false', 'second: cam', 'second: cam', 'cam closed, null'])
  })

  it('gives each name once at a time', async () => {
    const directory = new Directory()
    const first = directory.claim('name', 'recorder')
    expect(() => directory.claim('name', 'rtmp')).toThrow(expect.objectContaining({ code: 'name_taken' }))
    await first.end()
    expect(directory.get('name')).toBeNull()
    directory.claim('name', 'rtmp')
    await directory.close()
    expect(directory.all()).toEqual([])
    expect(() => directory.claim('other', 'rtmp')).toThrow(expect.objectContaining({ code: 'unavailable' }))
  })
})

it('knows the kinds of the tags that these tests use', () => {
  for (const kind of Object.keys(BODIES) as TagKind[]) expect(kindOf(tag(kind, 0))).toBe(kind)
})
