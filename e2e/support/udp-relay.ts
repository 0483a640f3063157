import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'

/** What becomes of a datagram on its way to the server. */
export type Fate = 'pass' | 'drop' | 'twice' | 'late'

/** A network of a test's own between clients and a UDP port: what goes to the server may be lost, late or there twice. */
export interface UdpRelay {
  port: number
  /** Decides what becomes of each datagram that a client sends. */
  fate: (bytes: Buffer) => Fate
  close(): void
}

/** How many datagrams overtake one that is late. */
const OVERTAKEN_BY = 3

/** Starts a relay on 127.0.0.1 in front of `target`. */
export async function startUdpRelay(target: number): Promise<UdpRelay> {
  const front = createSocket('udp4').bind(0, '127.0.0.1')
  await once(front, 'listening')
  const ways = new Map<string, { socket: Socket; late: { bytes: Buffer; after: number }[] }>()
  const relay: UdpRelay = {
    port: front.address().port,
    fate: () => 'pass',
    close() {
      front.close()
      for (const { socket } of ways.values()) socket.close()
    },
  }
  const wayOf = (from: RemoteInfo) => {
    const key = `${from.address} ${from.port}`
    const known = ways.get(key)
    if (known) return known
    const socket = createSocket('udp4')
    socket.on('message', (bytes) => front.send(bytes, from.port, from.address))
    const way = { socket, late: [] }
    ways.set(key, way)
    return way
  }
  front.on('message', (bytes, from) => {
    const { socket, late } = wayOf(from)
    const send = (packet: Buffer) => socket.send(packet, target, '127.0.0.1')
    const fate = relay.fate(bytes)
    if (fate === 'late') late.push({ bytes, after: OVERTAKEN_BY })
    else if (fate !== 'drop') {
      send(bytes)
      if (fate === 'twice') send(bytes)
    }
    for (const each of late.splice(0)) {
      if (each.after-- > 0) late.push(each)
      else send(each.bytes)
    }
  })
  return relay
}
