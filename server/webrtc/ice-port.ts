import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { createServer, isIPv6, type Server, type Socket as TcpSocket } from 'node:net'
import { portError } from '../net/port.ts'
import { FrameReader, frame } from './framing.ts'
import { IceAgent, type IcePath } from './ice-agent.ts'
import { bindingError, bindingSuccess, type Endpoint, isAuthentic, parseBindingRequest } from './stun.ts'

/** Largest datagram that is looked at, in bytes: what WebRTC sends is below 1,300, but for handshakes over jumbo frames. */
const MAX_DATAGRAM_BYTES = 4096
/** What the kernel may hold while the loop is busy, in bytes; it gives what `net.core.rmem_max` allows. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
/** Bytes that a client over TCP may leave unread: what is more is dropped, as by a network. */
const MAX_UNSENT_BYTES = 1024 * 1024
/** How long a client over TCP may take to prove itself, in ms. */
const PROOF_TIMEOUT_MS = 5_000

/** Where ICE is taken. */
export interface IcePortOptions {
  host: string
  /** 0 for any that is free. */
  port: number
  /** The option that says the port, for people. */
  option: string
  /** Counts TCP connections, and refuses those that are too many. */
  watch(server: Server): void
}

/** What came that nobody was waiting for. */
export interface IceCounters {
  /** Packets of addresses that have not proved themselves, or that are no packets of WebRTC. */
  dropped: number
}

/**
 * One UDP port, and the TCP port of the same number, for all sessions (ICE-lite, RFC 8445; RFC 6544, passive). A packet is taken from an
 * address alone that sent a Binding request with the password of a session from there; what a session sends goes to such addresses alone.
 */
export class IcePort {
  readonly counters: IceCounters = { dropped: 0 }
  readonly #udp: UdpSocket
  readonly #tcp: Server
  readonly #connections = new Set<TcpSocket>()
  readonly #agents = new Map<string, IceAgent>()
  /** Paths that are proved, by transport, address and port. */
  readonly #paths = new Map<string, { agent: IceAgent; path: IcePath }>()

  private constructor(udp: UdpSocket, tcp: Server) {
    this.#udp = udp
    this.#tcp = tcp
    udp.on('message', (bytes, from) => this.#takeDatagram(bytes, from))
    // What cannot be sent is lost, as a network loses it.
    udp.on('error', () => {})
    tcp.on('connection', (socket) => this.#takeConnection(socket))
  }

  /** @throws MissingError `port_taken` where one of the two is not free */
  static async open({ host, port, option, watch }: IcePortOptions): Promise<IcePort> {
    const udp = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4' })
    const tcp = createServer()
    try {
      await new Promise<void>((resolve, reject) => {
        udp.once('error', reject)
        udp.bind(port, host, resolve)
      })
      // A name may have several addresses: both listen on the same.
      const { address, port: taken } = udp.address()
      await new Promise<void>((resolve, reject) => {
        tcp.once('error', reject)
        tcp.listen(taken, address, resolve)
      })
    } catch (error) {
      tcp.close()
      udp.close()
      throw error instanceof Error ? portError(error, host, port, option) : error
    }
    tcp.removeAllListeners('error')
    udp.removeAllListeners('error')
    udp.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
    watch(tcp)
    return new IcePort(udp, tcp)
  }

  /** Where it listens. */
  get endpoint(): Endpoint {
    const { address, port } = this.#udp.address()
    return { address, port }
  }

  /** Someone who may come to this port: `onPacket` gets what comes on a proved path, and `onPath` is called at each that is chosen. */
  agent(events: { onPacket(bytes: Buffer): void; onPath(): void }): IceAgent {
    return new IceAgent({
      ...events,
      register: (ufrag, agent) => this.#agents.set(ufrag, agent),
      unregister: (ufrag) => this.#agents.delete(ufrag),
      forget: (path) => this.#paths.delete(path.key),
    })
  }

  /** Takes nothing more. */
  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy()
    await Promise.all([
      new Promise<void>((resolve) => this.#tcp.close(() => resolve())),
      new Promise<void>((resolve) => this.#udp.close(() => resolve())),
    ])
  }

  #takeDatagram(bytes: Buffer, from: RemoteInfo): void {
    const { address, port } = from
    this.#take(bytes, {
      key: `udp ${address} ${port}`,
      from: { address, port },
      send: (packet) => this.#udp.send(packet, port, address),
    })
  }

  #takeConnection(socket: TcpSocket): void {
    // One that was refused as it came.
    if (socket.destroyed || !socket.writable) return
    this.#connections.add(socket)
    socket.setNoDelay(true)
    const from = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
    const path: IcePath = {
      ...{ key: `tcp ${from.address} ${from.port}`, from },
      send: (packet) => {
        if (socket.writableLength < MAX_UNSENT_BYTES) socket.write(frame(packet))
      },
    }
    const unproved = setTimeout(() => {
      if (!this.#paths.has(path.key)) socket.destroy()
    }, PROOF_TIMEOUT_MS)
    const reader = new FrameReader(MAX_DATAGRAM_BYTES)
    socket.on('data', (data) => {
      const packets = reader.read(data)
      // What is no frame cannot be told from what follows.
      if (packets === null) return socket.destroy()
      for (const packet of packets) this.#take(packet, path)
    })
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      clearTimeout(unproved)
      this.#connections.delete(socket)
      this.#paths.get(path.key)?.agent.lose(path.key)
    })
  }

  /** Sorts what came by its first byte (RFC 7983, section 7). */
  #take(bytes: Buffer, path: IcePath): void {
    const [first = 255] = bytes
    if (first < 4 && bytes.length <= MAX_DATAGRAM_BYTES) return this.#takeStun(bytes, path)
    const known = this.#paths.get(path.key)
    const isMedia = (first >= 20 && first < 64) || (first >= 128 && first < 192)
    if (known && isMedia && bytes.length <= MAX_DATAGRAM_BYTES) known.agent.take(bytes)
    else this.counters.dropped++
  }

  /** One who does not know the password gets no answer, so that nobody can be answered in another's name. */
  #takeStun(bytes: Buffer, path: IcePath): void {
    const request = parseBindingRequest(bytes)
    const [ours = ''] = request?.username.split(':') ?? []
    const agent = this.#agents.get(ours)
    const password = agent?.passwordOf(ours)
    if (!request || !agent || password === undefined || !isAuthentic(request, password)) {
      this.counters.dropped++
      return
    }
    const refusal = bindingError(request, password)
    if (refusal) return path.send(refusal)
    path.send(bindingSuccess(request, path.from, password))
    const known = this.#paths.get(path.key)
    // The address belongs to the session that proved itself last.
    if (known && known.agent !== agent) known.agent.lose(path.key)
    this.#paths.set(path.key, { agent, path })
    agent.prove(ours, path, request.nominates)
  }
}
