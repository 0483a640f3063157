import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GatewayError } from '../../shared/errors.ts'
import type { ServerMessage } from '../../shared/messages.ts'
import type { StreamStatus } from '../../shared/status.ts'
import { Access, type Grant } from '../access/access.ts'
import { Directory } from '../broadcast/directory.ts'
import { MAX_PICTURE } from '../ffmpeg/picture-size.ts'
import type { Incoming, IngestConnection } from './connection.ts'
import { IngestSession, type SessionContext } from './session.ts'

const RESUME_SECONDS = 30
const LINKS = { watch: '/watch/cam', hls: '/hls/cam.m3u8', llHls: '/hls/cam/ll.m3u8', flv: '/live/cam.flv', whep: '' }
const GRANT: Grant = { tokenId: null, expiresAt: null, maxSeconds: null, maxBitrate: null, record: false }

/** What the session says to a publisher's socket, and the messages that come over it. */
class FakeConnection {
  readonly said: ServerMessage['type'][] = []
  welcome: Extract<ServerMessage, { type: 'welcome' }> | null = null
  /** The code of the error that it was closed with, `1000` for an end, or null while it is open. */
  closed: string | null = null
  readonly #waiting: Incoming[] = []
  #wake = () => {}
  #isOver = false

  send(message: ServerMessage): void {
    if (message.type === 'welcome') this.welcome = message
    if (message.type !== 'status') this.said.push(message.type)
  }

  fail({ code }: GatewayError): void {
    this.closed ??= code
    this.lose()
  }

  finish(): void {
    this.closed ??= '1000'
    this.lose()
  }

  /** The publisher sends something. */
  bring(...messages: Incoming[]): void {
    this.#waiting.push(...messages)
    this.#wake()
  }

  /** The socket closes. */
  lose(): void {
    this.#isOver = true
    this.#wake()
  }

  async *messages(): AsyncGenerator<Incoming, void, undefined> {
    for (;;) {
      const message = this.#waiting.shift()
      if (message) yield message
      else if (this.#isOver) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }
}

const access = new Access({ secret: null, tokenKeys: null, adminKey: null, isPrivate: false })
let ended: string[]
/** Every socket that was served. */
let connections: FakeConnection[]
let session: IngestSession
beforeEach(() => {
  vi.useFakeTimers()
  ended = []
  connections = []
  const nothing = () => {}
  const directory = new Directory()
  directory.on('closed', ({ name }) => ended.push(name))
  session = new IngestSession(directory.claim('cam', 'recorder'), {
    access,
    // No recording comes so far that one would be started.
    ffmpegs: {} as SessionContext['ffmpegs'],
    capacity: {} as SessionContext['capacity'],
    mostPicture: MAX_PICTURE,
    turns: { next: () => undefined } as SessionContext['turns'],
    resumeSeconds: RESUME_SECONDS,
    log: pino({ level: 'silent' }),
    playback: LINKS,
    statusOf: () => ({}) as StreamStatus,
    onChunkTaken: nothing,
    onFfmpegLost: nothing,
    onClosed: nothing,
  })
})
afterEach(async () => {
  await session.close()
  for (const connection of connections) connection.lose()
  await pass()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)
const epoch = (number: number, mimeType = 'video/webm;codecs=vp8,opus'): Incoming => ({
  type: 'epoch',
  epoch: number,
  at: 0,
  mimeType,
})
/** Bytes of a Matroska header that is not over. */
const chunk = (sequence: number, of = 0): Incoming => ({
  type: 'chunk',
  epoch: of,
  sequence,
  payload: sequence === 0 ? Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x40, 0x20]) : Buffer.alloc(1),
  receivedAt: 0,
})

/** A socket that is served from now on; `failed`: the code of what it was refused for. */
function connect(grant = GRANT) {
  const connection = new FakeConnection()
  connections.push(connection)
  let failed: string | null = null
  const served = session
    .serve(connection as unknown as IngestConnection, grant, connection.messages())
    .catch(({ code }: GatewayError) => {
      failed = code
    })
  return { connection, served, failed: () => failed }
}

describe('a session', () => {
  it('says what it has, and acknowledges each chunk', async () => {
    const { connection } = connect()
    expect(connection.welcome).toMatchObject({ session: session.id, next: 0, epoch: null, playback: LINKS })
    connection.bring({ type: 'ping' }, epoch(0), chunk(0), chunk(1))
    await pass()
    expect(connection.said).toEqual(['welcome', 'pong', 'ack', 'ack'])
    expect(session.broadcast.bytesIn).toBe(7)
  })

  it('goes on over another socket with the chunk that it does not have, and waits for it no longer than it said', async () => {
    const first = connect()
    first.connection.bring(epoch(0), chunk(0), chunk(1))
    await pass()
    first.connection.lose()
    await pass((RESUME_SECONDS - 1) * 1000)
    expect([session.broadcast.sourcePresent, ended]).toEqual([false, []])
    const second = connect()
    expect(second.connection.welcome).toMatchObject({ next: 2, epoch: 0 })
    expect(session.broadcast.sourcePresent).toBe(true)
    // The epoch is announced again, in case it was lost.
    second.connection.bring(epoch(0), chunk(2))
    await pass(RESUME_SECONDS * 2000)
    expect([second.connection.said.at(-1), ended]).toEqual(['ack', []])
    second.connection.lose()
    await pass(RESUME_SECONDS * 1000)
    expect(ended).toEqual(['cam'])
  })

  it('is taken over by a newer socket, and handles nothing more of the older one', async () => {
    const older = connect()
    older.connection.bring(epoch(0), chunk(0))
    await pass()
    const newer = connect()
    older.connection.bring(chunk(1))
    await pass()
    expect([older.connection.closed, older.failed(), newer.connection.closed]).toEqual(['taken_over', null, null])
    newer.connection.bring(chunk(1))
    await pass()
    expect(newer.connection.said.at(-1)).toBe('ack')
    expect(session.broadcast.bytesIn).toBe(7)
  })

  it('that never began ends with its socket', async () => {
    const { connection } = connect()
    connection.lose()
    await pass()
    expect(ended).toEqual(['cam'])
    const late = connect()
    await pass()
    expect(late.failed()).toBe('no_session')
  })

  it.each<[string, Incoming[], string]>([
    ['a chunk without an epoch', [chunk(0)], 'bad_message'],
    ['a chunk of an epoch that has not begun', [epoch(0), chunk(0, 1)], 'bad_message'],
    ['a chunk that was left out', [epoch(0), chunk(0), chunk(2)], 'bad_message'],
    ['a chunk that came before', [epoch(0), chunk(0), chunk(0)], 'bad_message'],
    ['an epoch that is over', [epoch(1), epoch(0)], 'bad_message'],
    ['a type that is not taken', [epoch(0, 'video/ogg')], 'unsupported_media'],
    ['more than 60 epochs in a minute', Array.from({ length: 61 }, (_, number) => epoch(number)), 'too_many'],
  ])('ends at %s', async (_, messages, code) => {
    const { connection, failed } = connect()
    connection.bring(...messages)
    await pass()
    expect([failed(), ended]).toEqual([code, ['cam']])
  })

  it('takes a 61st epoch when the minute is over', async () => {
    const { connection, failed } = connect()
    connection.bring(...Array.from({ length: 60 }, (_, number) => epoch(number)))
    await pass(60_001)
    connection.bring(epoch(60), { type: 'ping' })
    await pass()
    expect([failed(), connection.said.at(-1)]).toEqual([null, 'pong'])
  })

  it('ends cleanly at its publisher’s word, and says so', async () => {
    const { connection, failed } = connect()
    connection.bring({ type: 'end' })
    await pass()
    expect([connection.closed, failed(), ended]).toEqual(['1000', null, ['cam']])
  })

  it('is over with what its token allows', async () => {
    const { connection } = connect({ ...GRANT, tokenId: 'one', maxSeconds: 20 })
    connection.bring(epoch(0), chunk(0))
    await pass(19_000)
    expect(connection.closed).toBeNull()
    await pass(3_000)
    expect([connection.closed, ended]).toEqual(['forbidden', ['cam']])
  })
})
