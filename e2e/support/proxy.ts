import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A TCP proxy of a test's own: what goes through it can be cut, stalled, delayed and slowed. */
export interface TestProxy {
  port: number
  /** Ends every connection without a word (RST). New ones are refused while `refuse` is set. */
  cut(): void
  /** Whether new connections are refused. */
  refuse: boolean
  /** Whether bytes stand still, as in a network that lost the path. */
  stall(stalled: boolean): void
  /** How long everything takes on its way, in ms, each way. */
  delay(ms: number): void
  /** Bytes a second that clients can send, in all; null for as many as they like. */
  throttle(bytesPerSecond: number | null): void
  close(): Promise<void>
}

/** Bytes that are on the way in one direction of a connection, at most: a router's queue. */
const QUEUE_BYTES = 64 * 1024
/** A slow line carries pieces of this size, so that they come evenly. */
const PIECE_BYTES = 4 * 1024

interface Network {
  stalled: boolean
  latencyMs: number
  /** Of the direction from clients to the target. */
  bytesPerSecond: number | null
  /** When the slow line is free for the next piece, as `performance.now()`. */
  freeAt: number
  /** Tells `change`. */
  events: EventEmitter
}

/** Starts a proxy on 127.0.0.1 in front of `targetPort`. */
export async function startProxy(targetPort: number): Promise<TestProxy> {
  const pairs = new Set<[Socket, Socket]>()
  const network: Network = {
    stalled: false,
    latencyMs: 0,
    bytesPerSecond: null,
    freeAt: 0,
    events: new EventEmitter().setMaxListeners(0),
  }
  const server = createServer({ noDelay: true }, (client) => {
    if (proxy.refuse) {
      client.resetAndDestroy()
      return
    }
    const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true })
    const pair: [Socket, Socket] = [client, target]
    pairs.add(pair)
    const gone = new AbortController()
    const end = () => {
      pairs.delete(pair)
      gone.abort()
      client.destroy()
      target.destroy()
    }
    for (const socket of pair) socket.on('error', end).on('close', end)
    carry(client, target, network, true, gone.signal)
    carry(target, client, network, false, gone.signal)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: TestProxy = {
    port: (server.address() as AddressInfo).port,
    refuse: false,
    cut() {
      for (const socket of [...pairs].flat()) socket.resetAndDestroy()
    },
    stall(stalled) {
      change({ stalled })
    },
    delay(latencyMs) {
      change({ latencyMs })
    },
    throttle(bytesPerSecond) {
      change({ bytesPerSecond, freeAt: 0 })
    },
    async close() {
      for (const socket of [...pairs].flat()) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy

  function change(conditions: Partial<Network>): void {
    Object.assign(network, conditions)
    network.events.emit('change')
  }
}

/** Carries what `from` sends to `to`, as the network allows, until `gone`. */
function carry(from: Socket, to: Socket, network: Network, isUplink: boolean, gone: AbortSignal): void {
  const queue: { bytes: Buffer; dueAt: number }[] = []
  let queued = 0
  let running = false
  from.on('data', (bytes) => {
    queue.push({ bytes, dueAt: performance.now() + network.latencyMs })
    queued += bytes.length
    if (queued > QUEUE_BYTES) from.pause()
    if (!running) void run()
  })

  async function run(): Promise<void> {
    running = true
    try {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const wait = next.dueAt - performance.now()
        if (wait > 0) await delay(wait, undefined, { signal: gone })
        await send(next.bytes)
        queued -= next.bytes.length
        if (queued <= QUEUE_BYTES) from.resume()
      }
    } catch (error) {
      // The connection is over.
      if (!gone.aborted) throw error
    } finally {
      running = false
    }
  }

  async function send(bytes: Buffer): Promise<void> {
    let at = 0
    while (at < bytes.length) {
      while (network.stalled) await once(network.events, 'change', { signal: gone })
      const rate = isUplink ? network.bytesPerSecond : null
      const piece = rate === null ? bytes.subarray(at) : bytes.subarray(at, at + PIECE_BYTES)
      if (rate !== null) {
        const now = performance.now()
        network.freeAt = Math.max(now, network.freeAt) + (piece.length * 1000) / rate
        await delay(network.freeAt - now, undefined, { signal: gone })
      }
      at += piece.length
      if (!to.write(piece)) await once(to, 'drain', { signal: gone })
    }
  }
}
