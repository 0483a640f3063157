import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TargetAddress } from './address.ts'
import { openTunnel } from './tunnel.ts'

let server: Server
let target: TargetAddress
beforeAll(async () => {
  server = createServer((socket) => socket.end('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  // No name server knows it (RFC 6761, 6.4).
  target = { name: 'x', secure: false, host: 'nowhere.invalid', port, app: 'live', key: 'key' }
})
afterAll(() => void server.close())

/** What comes through a tunnel, and what went wrong. */
async function through(...addresses: string[]) {
  const pinned = addresses.map((address) => ({ address, family: 4 as const }))
  const tunnel = await openTunnel(target, pinned)
  const socket = connect(tunnel.port, '127.0.0.1').setEncoding('latin1')
  let text = ''
  socket.on('data', (data) => {
    text += data
  })
  await once(socket, 'close')
  await tunnel.close()
  return { text, problem: tunnel.problem() }
}

it('goes to the address that was looked at, whatever the name would be now', async () => {
  expect(await through('127.0.0.1')).toMatchObject({ text: 'hello' })
})

it('goes to the next address of a host where one refuses', async () => {
  expect(await through('127.0.0.2', '127.0.0.1')).toMatchObject({ text: 'hello' })
})

it('says who refused where all do', async () => {
  expect(await through('127.0.0.2', '127.0.0.3')).toEqual({
    text: '',
    problem: `nowhere.invalid refused the connection (port ${target.port})`,
  })
})
