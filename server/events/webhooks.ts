import { createHmac, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { atMost } from '../process/at-most.ts'
import type { Events, EventType, GatewayEvent } from './events.ts'

/** Where events are sent to. */
export interface Webhook {
  url: string
  /** Signs what is sent. */
  secret: string
  /** Which events; null for all. */
  events: EventType[] | null
}

/** Waits before another attempt, each lengthened by up to a half at random: it is given up after about five hours. */
const RETRY_MS = [1, 5, 20, 60, 180, 600, 1_800, 3_600, 7_200].map((seconds) => seconds * 1000)

/** Waits before an event is given up that the receiver does not want: what is wrong with it stays wrong. */
const REFUSED_RETRIES = 4

/** How long the end of the gateway waits for the events that it causes to be taken. */
const FLUSH_MS = 1_000

/** How long a receiver may take to answer. */
const ANSWER_MS = 10_000

/** Most events that wait for one receiver; above, the oldest is given up. */
const MAX_WAITING = 1_000

/** What becomes of an event for a receiver. */
export const WEBHOOK_RESULTS = ['delivered', 'given up'] as const

/** Why an event was not taken. `isRefusal`: the receiver does not want it. */
interface Failure {
  reason: string
  isRefusal: boolean
}

/** What the webhooks of a gateway need. */
export interface WebhookOptions {
  hooks: readonly Webhook[]
  events: Events
  log: Logger
  /** An event was taken, or given up. */
  onResult(result: (typeof WEBHOOK_RESULTS)[number]): void
}

/** Receivers that events are sent to. */
export interface Webhooks {
  /** Those that do not take what they were sent last, with the reason. */
  failing(): { host: string; reason: string }[]
  /** Ends this. What is not taken within a second is lost. */
  close(): Promise<void>
}

/**
 * Sends events as signed requests, as Standard Webhooks has it (standardwebhooks.com, 1.0): to each receiver one after the other, in
 * order, again and again until it takes them.
 */
export function startWebhooks({ hooks, events, log, onResult }: WebhookOptions): Webhooks {
  const closing = new AbortController()
  const failing = new Map<Webhook, string>()
  const draining = new Set<Promise<void>>()
  // Several gateways may send to one receiver.
  const prefix = randomBytes(6).toString('base64url')
  const leave = hooks.map((hook) => {
    const waiting: GatewayEvent[] = []
    let running = false
    return events.listen((event) => {
      if (hook.events !== null && !hook.events.includes(event.type)) return
      waiting.push(event)
      // The first one is on its way.
      if (waiting.length > MAX_WAITING) giveUp(hook, waiting.splice(1, 1)[0])
      if (running) return
      running = true
      const drained = drain(hook, waiting)
        .catch((error: unknown) => log.error({ err: error }, 'webhooks failed'))
        .finally(() => {
          running = false
          draining.delete(drained)
        })
      draining.add(drained)
    })
  })
  return {
    failing: () => [...failing].map(([hook, reason]) => ({ host: hostOf(hook), reason })),
    async close() {
      for (const end of leave) end()
      await atMost(FLUSH_MS, Promise.all(draining))
      closing.abort()
    },
  }

  async function drain(hook: Webhook, waiting: GatewayEvent[]): Promise<void> {
    for (let event = waiting[0]; event && !closing.signal.aborted; event = waiting[0]) {
      const delivered = await deliver(hook, event)
      if (closing.signal.aborted) return
      if (waiting[0] === event) waiting.shift()
      if (delivered) onResult('delivered')
      else giveUp(hook, event)
    }
  }

  async function deliver(hook: Webhook, event: GatewayEvent): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      const problem = await send(hook, event)
      if (problem === null) {
        failing.delete(hook)
        return true
      }
      const { reason, isRefusal } = problem
      failing.set(hook, reason)
      const wait = isRefusal && attempt >= REFUSED_RETRIES ? undefined : RETRY_MS[attempt]
      log.warn({ webhook: hostOf(hook), event: event.type, reason, retryInMs: wait ?? null }, 'webhook failed')
      if (wait === undefined) return false
      const waited = await delay(wait * (1 + Math.random() / 2), true, { signal: closing.signal }).catch(() => false)
      if (!waited) return false
    }
  }

  /** Sends an event once; why it was not taken, or null. */
  async function send({ url, secret }: Webhook, event: GatewayEvent): Promise<Failure | null> {
    const id = `evt_${prefix}_${event.id}`
    const timestamp = Math.floor(Date.now() / 1000)
    const body = JSON.stringify(event)
    try {
      const answer = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': `v1,${signature(secret, `${id}.${timestamp}.${body}`)}`,
        },
        body,
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(ANSWER_MS)]),
      })
      await answer.body?.cancel()
      if (answer.ok) return null
      const isRefusal = answer.status < 500 && ![408, 429].includes(answer.status)
      return { reason: `it answered ${answer.status}`, isRefusal }
    } catch (error) {
      // Messages of fetch may have the whole URL in them.
      const cause: unknown = error instanceof Error ? error.cause : null
      const code = cause instanceof Error && 'code' in cause ? ` (${cause.code})` : ''
      const isLate = error instanceof Error && error.name === 'TimeoutError'
      return { reason: isLate ? 'it did not answer in time' : `it cannot be reached${code}`, isRefusal: false }
    }
  }

  function giveUp(hook: Webhook, event: GatewayEvent | undefined): void {
    log.error({ webhook: hostOf(hook), event: event?.type, id: event?.id }, 'an event was given up')
    onResult('given up')
  }
}

/** A secret that begins with `whsec_` is base64, as the standard has it; any other is taken as it is. */
function signature(secret: string, text: string): string {
  const [, encoded] = /^whsec_(.+)$/.exec(secret) ?? []
  const key = encoded === undefined ? Buffer.from(secret) : Buffer.from(encoded, 'base64')
  return createHmac('sha256', key).update(text).digest('base64')
}

/** Its path and query may hold a secret. */
function hostOf({ url }: Webhook): string {
  return new URL(url).host
}
