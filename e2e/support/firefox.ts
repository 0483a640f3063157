import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { findFirefox } from '../../server/system/requirements.ts'
import { freePort, temporaryDirectory } from './resources.ts'
import { until } from './wait.ts'

/** The system's Firefox with one page, driven over WebDriver BiDi (https://w3c.github.io/webdriver-bidi/). */
export interface Firefox {
  open(url: string): Promise<void>
  /** What the expression is in the page, as JSON has it; a promise is awaited. */
  evaluate(expression: string): Promise<unknown>
  close(): Promise<void>
}

interface Answer {
  id?: number
  type: 'success' | 'error' | 'event'
  result?: Record<string, unknown>
  error?: string
  message?: string
}

/** Starts Firefox without a window. `preferences` are those of about:config. */
export async function startFirefox(preferences: Record<string, unknown> = {}): Promise<Firefox> {
  const path = await findFirefox()
  if (path === null) throw new Error('There is no Firefox here.')
  const profile = await temporaryDirectory()
  // Without geckodriver, Firefox reads preferences from its profile alone.
  const lines = Object.entries(preferences).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  )
  await writeFile(join(profile.path, 'user.js'), lines.join(''))
  const port = await freePort()
  const browser = spawn(
    path,
    ['--headless', '--no-remote', '--profile', profile.path, '--remote-debugging-port', `${port}`],
    {
      env: { ...process.env, HOME: profile.path, MOZ_DISABLE_CONTENT_SANDBOX: '1' },
      stdio: 'ignore',
    },
  )
  const exited = once(browser, 'close')
  const socket = await until('Firefox takes a connection', () => connected(`ws://127.0.0.1:${port}/session`), 250)
  const waiting = new Map<number, (answer: Answer) => void>()
  socket.on('message', (data) => {
    const answer = JSON.parse(String(data)) as Answer
    waiting.get(answer.id ?? -1)?.(answer)
    waiting.delete(answer.id ?? -1)
  })
  let lastId = 0
  const send = async (method: string, params: object): Promise<Record<string, unknown>> => {
    const id = ++lastId
    const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve))
    socket.send(JSON.stringify({ id, method, params }))
    const { type, result, message } = await answered
    if (type === 'error' || !result) throw new Error(`Firefox: ${method}: ${message}`)
    return result
  }
  await send('session.new', { capabilities: {} })
  const { contexts } = (await send('browsingContext.getTree', {})) as { contexts: { context: string }[] }
  const context = contexts[0]?.context
  return {
    async open(url) {
      await send('browsingContext.navigate', { context, url, wait: 'complete' })
    },
    async evaluate(expression) {
      const target = { context }
      const text = `(async () => JSON.stringify(await (${expression})))()`
      const answer = await send('script.evaluate', { expression: text, target, awaitPromise: true })
      const { result, exceptionDetails } = answer as {
        result?: { value?: string }
        exceptionDetails?: { text: string }
      }
      if (exceptionDetails) throw new Error(`Firefox: ${exceptionDetails.text}`)
      return JSON.parse(result?.value ?? 'null')
    },
    async close() {
      socket.terminate()
      browser.kill('SIGKILL')
      await exited
      await profile.remove()
    },
  }
}

async function connected(url: string): Promise<WebSocket | null> {
  const socket = new WebSocket(url)
  return new Promise((resolve) => {
    socket.once('open', () => resolve(socket))
    socket.once('error', () => resolve(null))
  })
}
