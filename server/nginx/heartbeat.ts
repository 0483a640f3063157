import { get } from 'node:http'
import type { Logger } from 'pino'

/** How often nginx is asked whether it works, how long it may take, and how often it may fail, one after the other. */
const ASK_MS = 10_000
const ANSWER_MS = 10_000
const FAILURES = 3

/** Asks nginx at `url` now and then, and tells `onHung` where it takes connections and answers none. Gives a function that ends this. */
export function watchAnswers(url: string, log: Logger, onHung: () => void): () => void {
  let failures = 0
  const timer = setInterval(() => {
    const request = get(url, { agent: false, timeout: ANSWER_MS }, (response) => {
      failures = 0
      response.resume()
    })
    // One that is not there is not hung: its end is noticed by its process.
    request.on('error', () => {})
    request.on('timeout', () => {
      request.destroy()
      log.warn({ seconds: ANSWER_MS / 1000 }, 'nginx does not answer')
      if (++failures < FAILURES) return
      failures = 0
      onHung()
    })
  }, ASK_MS)
  return () => clearInterval(timer)
}
