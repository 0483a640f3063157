import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What a test that failed has not ended: it ends with the tests. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})

/** A run of the command line. */
export interface Program {
  process: ChildProcess
  /** What it printed so far. */
  output(): { stdout: string; stderr: string }
  /** Resolves with the exit code when it is gone. */
  exited: Promise<number>
}

/** Runs `castgate` with these arguments, without the variables of this machine's environment. */
export function castgate(args: string[], environment: Record<string, string> = {}): Program {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('CASTGATE_'))
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('../../scripts/castgate.mjs', import.meta.url)), ...args],
    {
      cwd: ROOT,
      env: { ...Object.fromEntries(inherited), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const printed = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.stderr += text
  })
  running.add(child)
  child.once('close', () => running.delete(child))
  const exited = new Promise<number>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? (signal ? 128 : 1)))
  })
  return { process: child, output: () => printed, exited }
}
