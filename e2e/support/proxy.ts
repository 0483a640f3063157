import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy of a test's own: what goes through it can be cut, stalled and slowed. */
export interface Proxy {
  port: number
  /** Ends every connection without a word (RST). New ones are refused while `refuse` is set. */
  cut(): void
  /** Whether new connections are refused. */
  refuse: boolean
  /** Whether bytes stand still, as in a network that lost the path. */
  stall(stalled: boolean): void
  close(): Promise<void>
}

/** Starts a proxy on 127.0.0.1 in front of `targetPort`. */
export async function startProxy(targetPort: number): Promise<Proxy> {
  const pairs = new Set<[Socket, Socket]>()
  let stalled = false
  const server = createServer((client) => {
    if (proxy.refuse) {
      client.resetAndDestroy()
      return
    }
    const target = connect(targetPort, '127.0.0.1')
    const pair: [Socket, Socket] = [client, target]
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      target.destroy()
    }
    for (const [from, to] of [pair, [target, client]] as const) {
      from.on('data', (bytes: Buffer) => {
        if (!to.write(bytes)) {
          from.pause()
          to.once('drain', () => {
            if (!stalled) from.resume()
          })
        }
      })
      from.on('error', end)
      from.on('close', end)
      if (stalled) from.pause()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: Proxy = {
    port: (server.address() as AddressInfo).port,
    refuse: false,
    cut() {
      for (const [client, target] of pairs) {
        client.resetAndDestroy()
        target.resetAndDestroy()
      }
    },
    stall(value) {
      stalled = value
      for (const socket of [...pairs].flat()) {
        if (value) socket.pause()
        else socket.resume()
      }
    },
    async close() {
      for (const socket of [...pairs].flat()) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}
