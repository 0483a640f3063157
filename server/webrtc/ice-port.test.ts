import { createHmac } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { frame } from './framing.ts'
import type { IceAgent } from './ice-agent.ts'
import { IcePort } from './ice-port.ts'

let port: IcePort
let packets: string[]
let chosen: number
let agent: IceAgent
const sockets: Socket[] = []
beforeEach(async () => {
  port = await IcePort.open({ host: '127.0.0.1', port: 0, option: '--webrtc-port', watch: () => {} })
  packets = []
  chosen = 0
  agent = port.agent({
    onPacket: (bytes) => packets.push(bytes.toString('latin1')),
    onPath: () => chosen++,
  })
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close()
  await port.close()
})

/** A request of a client that knows `password`. */
function request(ufrag: string, password: string, { nominates = false } = {}): Buffer {
  const user = Buffer.from(`${ufrag}:them`)
  const padded = Buffer.concat([user, Buffer.alloc((4 - (user.length % 4)) % 4)])
  const head = Buffer.from('000100002112a4420102030405060708090a0b0c', 'hex')
  const use = nominates ? Buffer.from([0, 0x25, 0, 0]) : Buffer.alloc(0)
  const plain = Buffer.concat([head, Buffer.from([0, 6, 0, user.length]), padded, use])
  plain.writeUInt16BE(plain.length - 20 + 24, 2)
  const hmac = createHmac('sha1', password).update(plain).digest()
  return Buffer.concat([plain, Buffer.from([0, 8, 0, 20]), hmac])
}

/** A client at an address of its own. */
async function client() {
  const socket = createSocket('udp4')
  sockets.push(socket)
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const got: Buffer[] = []
  socket.on('message', (bytes) => got.push(bytes))
  const send = (bytes: Buffer) =>
    new Promise<void>((resolve) => socket.send(bytes, port.endpoint.port, '127.0.0.1', () => resolve()))
  return { got, send, port: () => socket.address().port }
}

/** What was sent before has been handled: the port has answered what came last. */
async function handled({ got, send }: Awaited<ReturnType<typeof client>>): Promise<void> {
  const before = got.length
  await send(request(agent.credentials.ufrag, agent.credentials.password))
  await expect.poll(() => got.length).toBeGreaterThan(before)
}

const MEDIA = Buffer.concat([Buffer.from([0x80]), Buffer.from('media')])

describe('a client over UDP', () => {
  it('is heard, and sent to, from where it proved itself on', async () => {
    const { ufrag, password } = agent.credentials
    const one = await client()
    await one.send(MEDIA)
    await handled(one)
    expect(packets).toEqual([])
    expect(one.got[0]?.readUInt16BE(0)).toBe(0x0101)
    await one.send(MEDIA)
    await expect.poll(() => packets.length).toBe(1)
    agent.send(Buffer.from('answer'))
    await expect.poll(() => one.got.at(-1)?.toString()).toBe('answer')
    expect(agent.client).toEqual({ address: '127.0.0.1', port: one.port() })
    await one.send(request(ufrag, password, { nominates: true }))
    await expect.poll(() => one.got.length).toBe(3)
    expect(chosen).toBe(1)
  })

  it('gets no answer without the password, nor for what is no request', async () => {
    const one = await client()
    const { ufrag, password } = agent.credentials
    await one.send(request(ufrag, `${password}x`))
    await one.send(request('nobody', password))
    await one.send(Buffer.from([0]))
    await one.send(Buffer.alloc(5000))
    await one.send(Buffer.from([22, 1, 2, 3]))
    await handled(await client())
    expect(one.got).toEqual([])
    expect(port.counters.dropped).toBe(5)
  })

  it('that moves is sent to where it is now, and is not heard at places that it gave up', async () => {
    const [one, two] = [await client(), await client()]
    await handled(one)
    const { ufrag, password } = agent.credentials
    await two.send(request(ufrag, password, { nominates: true }))
    await expect.poll(() => two.got.length).toBe(1)
    agent.send(Buffer.from('answer'))
    await expect.poll(() => two.got.at(-1)?.toString()).toBe('answer')
    agent.close()
    await one.send(MEDIA)
    await two.send(MEDIA)
    await expect.poll(() => port.counters.dropped).toBe(2)
    expect(packets).toEqual([])
  })

  it('may come with the credentials from before a restart, until it uses the new ones', async () => {
    const before = agent.credentials
    const after = agent.restart()
    const one = await client()
    await one.send(request(before.ufrag, before.password))
    await expect.poll(() => one.got.length).toBe(1)
    await one.send(request(after.ufrag, after.password))
    await expect.poll(() => one.got.length).toBe(2)
    await one.send(request(before.ufrag, before.password))
    await handled(one)
    expect(one.got).toHaveLength(3)
  })

  it('has 16 places at most', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => client()))
    for (const each of all) await handled(each)
    for (const each of all) await each.send(MEDIA)
    await expect.poll(() => port.counters.dropped).toBe(4)
    await expect.poll(() => packets.length).toBe(16)
  })
})

describe('a client over TCP', () => {
  it('is heard and answered in frames, and is gone with its connection', async () => {
    const { ufrag, password } = agent.credentials
    const socket = connect(port.endpoint.port, '127.0.0.1')
    const got: Buffer[] = []
    socket.on('data', (bytes) => got.push(bytes))
    const sent = Buffer.concat([frame(request(ufrag, password)), frame(MEDIA)])
    socket.write(sent.subarray(0, 30))
    await once(socket, 'connect')
    socket.write(sent.subarray(30))
    await expect.poll(() => packets.length).toBe(1)
    expect(Buffer.concat(got).readUInt16BE(2)).toBe(0x0101)
    socket.destroy()
    await expect.poll(() => agent.client).toBeNull()
  })

  it('is closed where it sends what is no frame', async () => {
    const socket = connect(port.endpoint.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'close')
  })
})

it('a port that is taken is refused in words', async () => {
  const again = IcePort.open({ host: '127.0.0.1', port: port.endpoint.port, option: '--webrtc-port', watch: () => {} })
  await expect(again).rejects.toThrow(/is in use by another program. Choose another with --webrtc-port/)
})
