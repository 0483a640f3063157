import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { audioHeader, frames, videoHeader } from '../../e2e/support/tags.ts'
import type { GatewayError } from '../../shared/errors.ts'
import { Access, signToken } from '../access/access.ts'
import { LIMITS_IN_ALL, LIMITS_PER_ADDRESS, Limits } from '../access/limits.ts'
import { Directory } from '../broadcast/directory.ts'
import { Turns } from '../process/turns.ts'
import type { RtmpPeer, RtmpSink } from '../rtmp/peer.ts'
import { RtmpIngest } from './rtmp.ts'

vi.mock('node:timers/promises', () => import('../process/fake-delay.ts'))

const SECRET = 'a secret of at least thirty-two bytes'

/** A connection, and why it was ended. */
class FakePeer {
  readonly address: string | null
  readonly refused: string[] = []
  sink: RtmpSink | null = null

  constructor(address: string | null = null) {
    this.address = address
  }

  refuse({ code }: GatewayError): void {
    this.refused.push(code)
    // Its connection ends after that.
    this.sink?.end('gone')
  }

  async publish(name: string, token: string | null = null): Promise<this> {
    const params = new URLSearchParams(token === null ? '' : { token })
    this.sink = await ingest.publish({ name, params, peer: this as unknown as RtmpPeer })
    return this
  }

  async send(from = 0, to = 200): Promise<void> {
    for (const tag of [videoHeader(720), audioHeader(), ...frames(from, to)]) await this.sink?.tag(tag)
  }
}

let directory: Directory
let ingest: RtmpIngest
let cutOff: string[]

function start(secret: string | null): void {
  const access = new Access({ secret, tokenKeys: null, adminKey: null, isPrivate: false })
  directory = new Directory()
  cutOff = []
  ingest = new RtmpIngest({
    ...{ directory, access, limits: new Limits(LIMITS_PER_ADDRESS, LIMITS_IN_ALL) },
    ffmpegs: {} as never,
    turns: new Turns(),
    capacity: { admitBroadcast() {}, admitTranscode() {} } as never,
    mostPicture: { width: 1920, height: 1080 },
    resumeSeconds: 30,
    log: pino({ level: 'silent' }),
    onCutOff: ({ error }) => cutOff.push(error.code),
  })
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
  start(null)
})
afterEach(async () => {
  await ingest.close()
  expect(directory.all()).toEqual([])
  // The limits count by the minute.
  await pass(60_000)
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const epoch = () => directory.get('cam')?.epoch?.epoch
const token = (stream: string) =>
  signToken(SECRET, { stream, publish: true, play: false, maxSeconds: null, maxBitrate: null }, 60)

describe('an encoder over RTMP', () => {
  it('frees its name at once when it says that it is through', async () => {
    const peer = await new FakePeer().publish('cam')
    await peer.send()
    peer.sink?.end('over')
    await pass(0)
    expect(directory.get('cam')).toBeNull()
  })

  it('is waited for when its connection is lost, and goes on in the same broadcast', async () => {
    const peer = await new FakePeer('192.0.2.1').publish('cam')
    await peer.send()
    const { id } = directory.get('cam') ?? {}
    peer.sink?.end('gone')
    expect(directory.get('cam')?.state).toBe('waiting')
    await pass(20_000)
    const again = await new FakePeer('192.0.2.1').publish('cam')
    expect(directory.get('cam')).toMatchObject({ id, state: 'live' })
    await again.send()
    expect(epoch()).toBe(1)
    // What the old connection still has to say is nobody's.
    peer.sink?.end('over')
    await pass(60_000)
    expect(directory.get('cam')?.id).toBe(id)
  })

  it('is waited for as long as a page, and no longer', async () => {
    const peer = await new FakePeer().publish('cam')
    await peer.send()
    peer.sink?.end('gone')
    await pass(29_000)
    expect(directory.get('cam')).not.toBeNull()
    await pass(1_000)
    expect(directory.get('cam')).toBeNull()
  })

  it('takes over from a connection of its own that gives nothing any more', async () => {
    const dead = await new FakePeer('192.0.2.1').publish('cam')
    await dead.send()
    const publishing = new FakePeer('192.0.2.1').publish('cam')
    await pass(2_000)
    const alive = await publishing
    expect(dead.refused).toEqual(['taken_over'])
    await alive.send()
    expect([epoch(), directory.get('cam')?.state]).toEqual([1, 'live'])
  })

  it('does not take over from one that gives something, or from another address', async () => {
    const peer = await new FakePeer('192.0.2.1').publish('cam')
    await peer.send()
    const other = expect(new FakePeer('192.0.2.2').publish('cam')).rejects.toMatchObject({ code: 'name_taken' })
    const same = expect(new FakePeer('192.0.2.1').publish('cam')).rejects.toMatchObject({ code: 'name_taken' })
    await pass(1_000)
    await peer.send(200, 400)
    await pass(1_000)
    await Promise.all([other, same])
    expect([peer.refused, epoch()]).toEqual([[], 0])
  })

  it('takes over at once, from anywhere, with the token that it had, and with no other', async () => {
    start(SECRET)
    const own = await token('cam')
    const peer = await new FakePeer('192.0.2.1').publish('cam', own)
    await peer.send()
    await expect(new FakePeer('192.0.2.1').publish('cam', await token('*'))).rejects.toMatchObject({
      code: 'name_taken',
    })
    await (await new FakePeer('192.0.2.9').publish('cam', own)).send()
    expect([peer.refused, epoch()]).toEqual([['taken_over'], 1])
  })

  it.each([
    ['a name that is none', 'my.stream', 'bad_request'],
    ['no name', '', 'bad_request'],
    ['a name of 65 characters', 'x'.repeat(65), 'bad_request'],
  ])('is refused with %s', async (_, name, code) => {
    await expect(new FakePeer().publish(name)).rejects.toMatchObject({ code })
    expect(directory.all()).toEqual([])
  })

  it('is refused without a token where one is needed, and cut off when its token is over', async () => {
    start(SECRET)
    await expect(new FakePeer().publish('cam')).rejects.toMatchObject({ code: 'unauthorized' })
    await expect(new FakePeer().publish('cam', await token('other'))).rejects.toMatchObject({ code: 'forbidden' })
    const peer = await new FakePeer().publish('cam', await token('cam'))
    await peer.send()
    await pass(200_000)
    expect([peer.refused, cutOff, directory.get('cam')]).toEqual([['unauthorized'], ['unauthorized'], null])
  })

  it('is cut off in words where nothing can be made of what it sends', async () => {
    const peer = await new FakePeer().publish('cam')
    const tag = { type: 9 as const, timestamp: 0, body: Buffer.from([0x13, 0, 0]) }
    await peer.sink?.tag(tag)
    await pass(1_100)
    await peer.sink?.tag(tag)
    await pass(0)
    expect([peer.refused, cutOff, directory.get('cam')]).toEqual([['unsupported_media'], ['unsupported_media'], null])
  })
})
