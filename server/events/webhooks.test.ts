import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Events } from './events.ts'
import { startWebhooks, type Webhooks } from './webhooks.ts'

const ABOUT = { stream: 'cam', broadcast: 'abc' }

/** What a receiver answers with, and what it got. */
let status = 204
const received: string[] = []
let answering: Promise<void> = Promise.resolve()
let receiver: Server
let events: Events
let webhooks: Webhooks
const results: string[] = []
beforeEach(async () => {
  status = 204
  answering = Promise.resolve()
  received.length = 0
  results.length = 0
  receiver = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', async () => {
      received.push((JSON.parse(body) as { type: string }).type)
      await answering
      response.writeHead(status, { connection: 'close' }).end()
    })
  })
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  events = new Events()
  const { port } = receiver.address() as AddressInfo
  webhooks = startWebhooks({
    hooks: [{ url: `http://127.0.0.1:${port}/hook`, secret: 'secret', events: null }],
    events,
    log: pino({ level: 'silent' }),
    onResult: (result) => results.push(result),
  })
})
afterEach(async () => {
  await webhooks.close()
  receiver.close()
})

/** Makes the receiver wait with its answers, until the function that it gives is called. */
function holdAnswers(): () => void {
  let answer = () => {}
  answering = new Promise((resolve) => {
    answer = resolve
  })
  return answer
}

it('tells what the end of a gateway causes before it is over', async () => {
  const answer = holdAnswers()
  events.emit('stream.ended', ABOUT, 'It has ended.')
  await expect.poll(() => received).toEqual(['stream.ended'])
  const closed = webhooks.close()
  events.emit('stream.started', ABOUT, 'This is too late.')
  answer()
  await closed
  expect([received, results]).toEqual([['stream.ended'], ['delivered']])
})

it('says which receiver does not take events, and why, until it does', async () => {
  status = 503
  events.emit('stream.started', ABOUT, 'It is live.')
  const host = `127.0.0.1:${(receiver.address() as AddressInfo).port}`
  await expect.poll(() => webhooks.failing()).toEqual([{ host, reason: 'it answered 503' }])
  status = 204
  await expect.poll(() => webhooks.failing()).toEqual([])
  expect(received).toEqual(['stream.started', 'stream.started'])
})

it('gives up the oldest that waits when too many do, and never the one that is on its way', async () => {
  const answer = holdAnswers()
  events.emit('stream.started', ABOUT, 'It is on its way.')
  await expect.poll(() => received).toEqual(['stream.started'])
  for (let waiting = 0; waiting < 1_000; waiting++) events.emit('stream.waiting', ABOUT, 'It waits.')
  expect(results).toEqual(['given up'])
  answer()
  await expect.poll(() => results.length).toBe(1_001)
  expect(results.filter((result) => result === 'given up')).toHaveLength(1)
})
