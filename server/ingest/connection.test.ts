import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { encodeChunk } from '../../shared/chunk.ts'
import { WINDOW_BYTES } from '../../shared/limits.ts'
import { IngestConnection } from './connection.ts'
import { MediaMemory } from './media-memory.ts'

const MB = 1024 * 1024
const HELLO = JSON.stringify({ type: 'hello', session: null })
const PING = JSON.stringify({ type: 'ping' })

/** A socket in memory: what is sent while it is paused waits in it. */
class MemorySocket extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  bufferedAmount = 0
  isPaused = false
  closedWith: number | null = null
  readonly #unread: [Buffer, boolean][] = []

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    while (!this.isPaused) {
      const next = this.#unread.shift()
      if (!next) return
      this.emit('message', ...next)
    }
  }

  arrive(frame: string | Uint8Array): void {
    const message: [Buffer, boolean] = [Buffer.from(frame), typeof frame !== 'string']
    if (this.isPaused) this.#unread.push(message)
    else this.emit('message', ...message)
  }

  send(): void {}
  ping(): void {}
  close(code: number): void {
    this.closedWith = code
  }
  terminate(): void {
    this.emit('close')
  }
}

function connected(memory = new MediaMemory(64 * MB)) {
  const socket = new MemorySocket()
  const wire = Object.assign(new EventEmitter(), { bytesRead: 0 })
  const connection = new IngestConnection(socket as unknown as WebSocket, wire as never, memory)
  return { socket, wire, connection, memory }
}

const chunk = (bytes: number, sequence = 0) => encodeChunk({ epoch: 0, sequence, payload: Buffer.alloc(bytes) })

/** What comes next, or why nothing does. */
async function next(messages: AsyncGenerator): Promise<unknown> {
  const { value, done } = await messages.next()
  return done ? 'over' : value
}

describe('what waits of a publisher', () => {
  it('is read no further than the hello, before it is let in', async () => {
    const { socket, connection } = connected()
    socket.arrive(HELLO)
    socket.arrive(PING)
    expect(await connection.hello()).toMatchObject({ type: 'hello' })
    expect(socket.isPaused).toBe(true)
    expect(await next(connection.messages())).toEqual({ type: 'ping' })
    socket.terminate()
  })

  it('is at most a window and a frame, whatever it is, and none of it is lost', async () => {
    const frames = fc.array(fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.constant('ping')), { maxLength: 300 })
    const model = fc.asyncProperty(frames, fc.array(fc.nat(20), { maxLength: 40 }), async (all, taken) => {
      const { socket, connection, memory } = connected()
      socket.arrive(HELLO)
      await connection.hello()
      const messages = connection.messages()
      let [sent, got, most] = [0, 0, 0]
      for (const [index, what] of all.entries()) {
        socket.arrive(typeof what === 'string' ? PING : chunk(what, index))
        sent++
        most = Math.max(most, memory.bytes)
        for (let i = taken[index % (taken.length || 1)] ?? 0; i > 0 && got < sent; i--, got++) await next(messages)
      }
      expect(most).toBeLessThan(WINDOW_BYTES + 300_000)
      for (; got < sent; got++) expect(await next(messages)).not.toBe('over')
      expect(memory.bytes).toBe(0)
      socket.terminate()
      expect(await next(messages)).toBe('over')
    })
    await fc.assert(model, { numRuns: 60 })
  })

  it('is little for each where there are many, and everybody goes on', async () => {
    const memory = new MediaMemory(32 * MB)
    const publishers = Array.from({ length: 100 }, () => connected(memory))
    const streams: AsyncGenerator[] = []
    for (const { socket, connection } of publishers) {
      socket.arrive(HELLO)
      await connection.hello()
      streams.push(connection.messages())
    }
    // The first message of each is asked for, and then nobody takes any.
    const first = streams.map((messages) => next(messages))
    for (let round = 0; round < 60; round++) for (const { socket } of publishers) socket.arrive(chunk(200_000, round))
    expect(memory.bytes).toBeLessThan(32 * MB + 100 * 0.8 * MB)
    for (const each of await Promise.all(first)) expect(each).toMatchObject({ type: 'chunk' })
    for (const messages of streams)
      for (let i = 0; i < 59; i++) expect(await next(messages)).toMatchObject({ type: 'chunk' })
    expect(memory.bytes).toBe(0)
    for (const { socket } of publishers) socket.terminate()
  })

  it('is dropped where the socket is refused or taken over', async () => {
    const { socket, connection, memory } = connected()
    socket.arrive(HELLO)
    await connection.hello()
    const messages = connection.messages()
    const first = next(messages)
    for (let i = 0; i < 10; i++) socket.arrive(chunk(100_000, i))
    await first
    expect(memory.bytes).toBeGreaterThan(MB / 2)
    connection.release()
    expect(memory.bytes).toBe(0)
    expect(await next(messages)).toBe('over')
    socket.terminate()
  })
})

describe('a publisher that breaks the protocol', () => {
  it('is not read any further after a second hello, and what came before is still taken', async () => {
    const { socket, connection } = connected()
    socket.arrive(HELLO)
    await connection.hello()
    const messages = connection.messages()
    const first = next(messages)
    socket.arrive(PING)
    socket.arrive(HELLO)
    expect(socket.isPaused).toBe(true)
    expect(await first).toEqual({ type: 'ping' })
    await expect(next(messages)).rejects.toThrow('A socket says hello once.')
    socket.terminate()
  })

  it('is refused where it sends kilobytes and no hello', async () => {
    const { socket, wire, connection } = connected()
    const hello = connection.hello()
    wire.bytesRead = 40_000
    wire.emit('data')
    expect(socket.isPaused).toBe(true)
    await expect(hello).rejects.toThrow('The first message is "hello".')
    socket.terminate()
  })
})
