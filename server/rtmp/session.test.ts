import { createHmac, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TAG_TYPE } from '../flv/tag.ts'
import type { RtmpAddress } from './address.ts'
import { AmfError, type AmfObject, type AmfValue, writeAmf } from './amf.ts'
import { ChunkReader } from './chunk-reader.ts'
import { writeMessage } from './chunk-writer.ts'
import { type ClientEvent, RtmpClientSession } from './client-session.ts'
import { readCommand, readStatus } from './commands.ts'
import { MESSAGE, RtmpError, type RtmpMessage, uint32Body } from './messages.ts'
import { RtmpServerSession, type ServerEvent } from './server-session.ts'

const HELLO = Buffer.concat([Buffer.from([3]), Buffer.alloc(2 * 1536)])
const OBJECT: AmfObject = new Map([
  ['app', 'live'],
  ['tcUrl', 'rtmp://127.0.0.1/live'],
])

const message = (type: number, stream: number, body: Buffer, timestamp = 0) =>
  Buffer.concat(writeMessage({ chunkStream: type === MESSAGE.video ? 6 : 3, type, stream, timestamp }, body, 128))
const command = (name: string, transaction: number, ...values: AmfValue[]) =>
  message(MESSAGE.command, 0, writeAmf(name, transaction, ...values))
const inStream = (name: string, ...values: AmfValue[]) => message(MESSAGE.command, 1, writeAmf(name, 5, ...values))

/** A client of bytes, and what the server says to it. */
class Client {
  readonly said: Buffer[] = []
  readonly session = new RtmpServerSession('live', ['hvc1'], (bytes) => this.said.push(bytes))

  send(...bytes: Buffer[]): ServerEvent[] {
    return bytes.flatMap((each) => [...this.session.receive(each)])
  }

  connected(object: AmfObject = OBJECT): this {
    this.send(HELLO, command('connect', 1, object), command('createStream', 2, null))
    return this
  }

  publishing(): this {
    this.connected().send(inStream('publish', null, 'cam', 'live'))
    this.session.accept()
    return this
  }

  /** What the server said behind the handshake. */
  messages(): RtmpMessage[] {
    return [...new ChunkReader(0xffffff).read(Buffer.concat(this.said).subarray(1 + 2 * 1536))]
  }

  commands(): { name: string; transaction: number; status: string | null; values: AmfValue[] }[] {
    return this.messages().flatMap((each) => {
      const found = each.type === MESSAGE.command ? readCommand(each) : null
      if (!found) return []
      const { name, transaction, values } = found
      return [{ name, transaction, status: readStatus(values[1] ?? null)?.code ?? null, values }]
    })
  }
}

describe('a server of RTMP', () => {
  it('shakes hands (5.2), connects, creates a stream and lets it be published (7.2)', () => {
    const client = new Client()
    expect(client.send(HELLO, command('connect', 1, OBJECT))).toEqual([])
    expect(client.messages().map(({ type }) => type)).toEqual([
      MESSAGE.windowAckSize,
      MESSAGE.setPeerBandwidth,
      MESSAGE.setChunkSize,
      MESSAGE.command,
    ])
    const asked = client.send(
      command('releaseStream', 2, null, 'cam'),
      command('FCPublish', 3, null, 'cam'),
      command('createStream', 4, null),
      inStream('publish', null, 'cam?token=a&b=%20', 'live'),
    )
    expect(asked).toEqual([{ kind: 'publish', key: 'cam?token=a&b=%20' }])
    client.session.accept()
    expect(client.commands().map(({ name, transaction, status }) => [name, transaction, status])).toEqual([
      ['_result', 1, 'NetConnection.Connect.Success'],
      ['_result', 2, null],
      ['_result', 3, null],
      ['_result', 4, null],
      ['onFCPublish', 0, null],
      ['onStatus', 0, 'NetStream.Publish.Start'],
    ])
    // A token is not repeated.
    expect(
      JSON.stringify(client.commands().map(({ values }) => [...(values[1] instanceof Map ? values[1] : [])])),
    ).not.toContain('token')
  })

  it('hands on pictures, sound and metadata, in one message or together (7.1.6)', () => {
    const client = new Client().publishing()
    const metadata = writeAmf('@setDataFrame', 'onMetaData', new Map([['width', 320]]))
    const tag = (type: number, time: number, body: string) => {
      const bytes = Buffer.alloc(11 + body.length + 4)
      bytes[0] = type
      bytes.writeUIntBE(body.length, 1, 3)
      bytes.writeUIntBE(time, 4, 3)
      bytes.write(body, 11)
      return bytes
    }
    const events = client.send(
      message(MESSAGE.data, 1, metadata),
      message(MESSAGE.video, 1, Buffer.from('picture'), 40),
      message(MESSAGE.audio, 1, Buffer.from('sound'), 45),
      message(MESSAGE.aggregate, 1, Buffer.concat([tag(9, 1_000, 'p'), tag(8, 1_010, 's')]), 80),
    )
    expect(events).toEqual([
      { kind: 'metadata', values: new Map([['width', 320]]) },
      { kind: 'tag', tag: { type: TAG_TYPE.video, timestamp: 40, body: Buffer.from('picture') } },
      { kind: 'tag', tag: { type: TAG_TYPE.audio, timestamp: 45, body: Buffer.from('sound') } },
      { kind: 'tag', tag: { type: TAG_TYPE.video, timestamp: 80, body: Buffer.from('p') } },
      { kind: 'tag', tag: { type: TAG_TYPE.audio, timestamp: 90, body: Buffer.from('s') } },
    ])
  })

  it.each([
    ['deleteStream', () => command('deleteStream', 9, null, 1)],
    ['closeStream', () => inStream('closeStream', null)],
    ['FCUnpublish', () => command('FCUnpublish', 9, null, 'cam')],
  ])('knows %s for the end of what is published, once', (_, bytes) => {
    const client = new Client().publishing()
    expect(client.send(bytes(), command('deleteStream', 9, null, 1))).toEqual([{ kind: 'over' }])
    expect(client.session.isOver).toBe(true)
    expect(client.commands().at(-1)?.name).toMatch(/onStatus|_result/)
    // What comes behind it is nothing.
    expect(client.send(message(MESSAGE.video, 1, Buffer.from('late')))).toEqual([])
  })

  it.each([
    ['the usual', 'live', true],
    ['a slash behind it', 'live/', true],
    ['an instance', 'live/_definst_', true],
    ['a query', 'live?x=1', true],
    ['another', 'stream', false],
    ['none', '', false],
    ['more than one part', 'live/app', false],
  ])('has one application; %s: "%s"', (_, app, isTaken) => {
    const client = new Client()
    const events = client.send(HELLO, command('connect', 1, new Map([['app', app]])))
    expect(client.commands().map(({ name }) => name)).toEqual([isTaken ? '_result' : '_error'])
    expect(events).toEqual(isTaken ? [] : [{ kind: 'no-application', application: app }])
    if (!isTaken) expect(client.commands()[0]?.status).toBe('NetConnection.Connect.Rejected')
  })

  it('needs no tcUrl, and takes commands in AMF3', () => {
    const client = new Client()
    const amf3 = Buffer.concat([Buffer.from([0]), writeAmf('connect', 1, new Map([['app', 'live']]))])
    client.send(HELLO, message(MESSAGE.commandAmf3, 0, amf3), command('createStream', 2, null))
    expect(client.commands().map(({ name }) => name)).toEqual(['_result', '_result'])
  })

  it('tells those that ask which codecs it takes beside H.264 (enhanced RTMP)', () => {
    const asking = new Client().connected(new Map([...OBJECT, ['fourCcList', ['hvc1']]]))
    const answer = asking.commands()[0]?.values[1]
    expect(answer instanceof Map && answer.get('fourCcList')).toEqual(['hvc1'])
  })

  it.each([
    ['for its name', true, 'publish', 'NetStream.Publish.BadName'],
    ['for another reason', false, 'publish', 'NetStream.Publish.Rejected'],
    ['as a player', false, 'play', 'NetStream.Play.Failed'],
  ] as const)('tells one that is refused why: %s', (_, isForName, wants, code) => {
    const client = new Client().connected()
    client.send(inStream(wants, null, 'cam'))
    client.session.refuse(isForName, 'Because.')
    const { status, values } = client.commands().at(-1) ?? { values: [] }
    expect(status).toBe(code)
    expect(values[1] instanceof Map && values[1].get('description')).toBe('Because.')
  })

  it('begins to play (7.2.2.1), pauses, and says when all is over', () => {
    const client = new Client().connected()
    expect(client.send(inStream('play', null, 'flv:cam?token=x', -2))).toEqual([{ kind: 'play', key: 'cam?token=x' }])
    client.session.accept()
    expect(client.send(inStream('pause', null, true, 0))).toEqual([{ kind: 'pause', isPaused: true }])
    client.session.endPlay()
    expect(client.commands().flatMap(({ status }) => status ?? [])).toEqual([
      'NetConnection.Connect.Success',
      'NetStream.Play.Reset',
      'NetStream.Play.Start',
      'NetStream.Pause.Notify',
      'NetStream.Play.Complete',
      'NetStream.Play.Stop',
    ])
    const events = client.messages().filter(({ type }) => type === MESSAGE.userControl)
    expect(events.map(({ body }) => [body.readUInt16BE(0), body.readUInt32BE(2)])).toEqual([
      [0, 1],
      [1, 1],
    ])
  })

  it('publishes one stream on one connection', () => {
    const client = new Client().publishing()
    expect(client.send(inStream('publish', null, 'other', 'live'))).toEqual([{ kind: 'over' }])
    expect(client.commands().at(-1)?.status).toBe('NetStream.Publish.BadName')
  })

  it('acknowledges what it was asked to (5.4.3), and answers pings (7.1.7)', () => {
    const client = new Client().publishing()
    client.send(message(MESSAGE.windowAckSize, 0, uint32Body(5_000)))
    for (let time = 0; time < 10; time++) client.send(message(MESSAGE.video, 1, Buffer.alloc(1_000), time))
    const acknowledged = client.messages().filter(({ type }) => type === MESSAGE.acknowledgement)
    expect(acknowledged).toHaveLength(2)
    expect(acknowledged[1]?.body.readUInt32BE(0)).toBeGreaterThan(10_000)
    client.send(message(MESSAGE.userControl, 0, Buffer.from('0006000000ff', 'hex')))
    expect(client.messages().at(-1)?.body.toString('hex')).toBe('0007000000ff')
  })

  it.each([
    ['is not RTMP', () => Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['is encrypted', () => Buffer.concat([Buffer.from([6]), Buffer.alloc(3_072)])],
    ['begins with something else', () => Buffer.concat([HELLO, command('publish', 1, null, 'cam')])],
    ['connects twice', () => Buffer.concat([HELLO, command('connect', 1, OBJECT), command('connect', 1, OBJECT)])],
    [
      'sends media before it may',
      () => Buffer.concat([HELLO, command('connect', 1, OBJECT), message(9, 1, Buffer.alloc(9))]),
    ],
    ['sends a large command', () => Buffer.concat([HELLO, message(MESSAGE.command, 0, Buffer.alloc(65_537))])],
  ])('refuses one that %s', (_, bytes) => {
    expect(() => new Client().send(bytes())).toThrow(RtmpError)
  })

  it('signs its answer to one that signs, as Flash Player 9 did', () => {
    const player = Buffer.from('Genuine Adobe Flash Player 001')
    const server = Buffer.from('Genuine Adobe Flash Media Server 001')
    const common = Buffer.from('f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae', 'hex')
    const sign = (key: Buffer, ...parts: Buffer[]) => createHmac('sha256', key).update(Buffer.concat(parts)).digest()
    for (const from of [8, 772]) {
      const place = (bytes: Buffer) => {
        const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(from, from + 4)
        return from + 4 + ((a + b + c + d) % 728)
      }
      const c1 = randomBytes(1536)
      c1.writeUInt32BE(0x80000702, 4)
      const at = place(c1)
      const digest = sign(player, c1.subarray(0, at), c1.subarray(at + 32))
      digest.copy(c1, at)
      const client = new Client()
      client.send(Buffer.from([3]), c1)
      const answer = Buffer.concat(client.said)
      const [s1, s2] = [answer.subarray(1, 1537), answer.subarray(1537)]
      const own = place(s1)
      expect(sign(server, s1.subarray(0, own), s1.subarray(own + 32))).toEqual(s1.subarray(own, own + 32))
      const key = sign(Buffer.concat([server, common]), digest)
      expect(sign(key, s2.subarray(0, 1504))).toEqual(s2.subarray(1504))
    }
  })

  it('reads or refuses whatever a hostile peer sends, cut anywhere, and holds no more than the bounds', () => {
    const step = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(
          fc.constantFrom('connect', 'createStream', 'publish', 'play', 'deleteStream', 'pause', 'x'),
          fc.integer({ min: 0, max: 2 }),
        )
        .map(([name, stream]) => message(MESSAGE.command, stream, writeAmf(name, 1, OBJECT, 'cam'))),
      fc
        .tuple(fc.integer({ min: 1, max: 30 }), fc.uint8Array({ maxLength: 100 }))
        .map(([type, body]) => message(type, 1, Buffer.from(body))),
    )
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(step, { maxLength: 12 }),
        fc.integer({ min: 1, max: 300 }),
        (shaken, steps, length) => {
          const client = new Client()
          const data = Buffer.concat([shaken ? HELLO : Buffer.from([3]), ...steps])
          try {
            for (let at = 0; at < data.length; at += length) {
              for (const { kind } of client.send(data.subarray(at, at + length))) {
                if (kind === 'publish') client.session.accept()
                if (kind === 'play') client.session.refuse(false, 'No.')
              }
            }
          } catch (error) {
            expect(error instanceof RtmpError || error instanceof AmfError).toBe(true)
          }
          expect(client.session.heldBytes).toBeLessThan(18 * 1024 * 1024)
        },
      ),
      { numRuns: 500 },
    )
  })
})

const ADDRESS: RtmpAddress = { secure: false, host: '127.0.0.1', port: 1935, app: 'live', key: 'cam?secret=x' }

/** A client of ours and a server of ours, joined without a socket; gives what each of them was told. */
function joined(answer: (session: RtmpServerSession) => void) {
  const toServer: Buffer[] = []
  const toClient: Buffer[] = []
  const server = new RtmpServerSession('live', [], (bytes) => toClient.push(bytes))
  const client = new RtmpClientSession(ADDRESS, (bytes) => toServer.push(bytes))
  const told: { server: ServerEvent[]; client: ClientEvent[] } = { server: [], client: [] }
  const exchange = () => {
    while (toServer.length > 0 || toClient.length > 0) {
      for (const bytes of toServer.splice(0)) {
        for (const event of server.receive(bytes)) {
          told.server.push(event)
          if (event.kind === 'publish') answer(server)
        }
      }
      for (const bytes of toClient.splice(0)) told.client.push(...client.receive(bytes))
    }
  }
  exchange()
  return { client, told, exchange }
}

describe('a client of RTMP', () => {
  it('publishes to a server, and says when it is through', () => {
    const { client, told, exchange } = joined((session) => session.accept())
    expect(told.client).toEqual([{ kind: 'published' }])
    expect(told.server).toEqual([{ kind: 'publish', key: 'cam?secret=x' }])
    client.end()
    exchange()
    expect(told.server.at(-1)).toEqual({ kind: 'over' })
  })

  it('tells why it was refused', () => {
    const { told } = joined((session) => session.refuse(true, 'The name is taken.'))
    expect(told.client).toEqual([
      { kind: 'refused', reason: 'the server refused it: The name is taken. NetStream.Publish.BadName' },
    ])
  })
})
