// Makes a checkout ready to run, with nothing but Node: installs the packages of the lock file where they are missing or stale,
// and builds what is not built. Both are known by a hash, so that a second call does nothing.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const BUILT_FROM = [
  'client',
  'server',
  'shared',
  'package.json',
  'package-lock.json',
  'tsconfig.base.json',
  'vite.config.ts',
]
const MIN_NODE = [20, 19]

/** Installs and builds what is needed. Throws an Error with a sentence for people where that fails. */
export function prepare() {
  requireNode()
  // A package from a registry comes built.
  if (!existsSync(join(root, 'server'))) return
  const packages = hashOf(['package.json', 'package-lock.json'])
  step(join(root, 'node_modules', '.castgate'), packages, 'installing packages (npm ci)', () => {
    run('npm', ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'])
  })
  step(join(root, 'dist', '.castgate'), hashOf(BUILT_FROM), 'building', () => {
    const bin = (name) => join(root, 'node_modules', '.bin', name)
    // What was made of a file that is no more would be packed, too.
    rmSync(join(root, 'dist', 'server'), { recursive: true, force: true })
    run(bin('tsc'), ['-p', 'server'])
    // Without it, packages give their development builds where a test runner has set another.
    const production = { NODE_ENV: 'production' }
    run(bin('vite'), ['build', '--logLevel', 'warn'], production)
    run(bin('vite'), ['build', '--mode', 'sdk', '--logLevel', 'warn'], production)
    run(bin('tsc'), ['-p', 'client/tsconfig.sdk.json'])
  })
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])) return
  const error = new Error(
    `Castgate needs Node.js ${MIN_NODE.join('.')} or later; this is ${process.versions.node}. See https://nodejs.org`,
  )
  throw Object.assign(error, { exitCode: 3 })
}

/** Runs `action` unless `stamp` says that it was done for this `hash`. */
function step(stamp, hash, what, action) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  process.stderr.write(`castgate: ${what}\n`)
  action()
  writeFileSync(stamp, hash)
}

function run(file, args, environment = {}) {
  // What it prints goes to standard error, so that standard output stays for results.
  const { status, error } = spawnSync(file, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (status !== 0)
    throw new Error(
      `"${[file, ...args].join(' ')}" failed${error ? `: ${error.message}` : ''}. What it printed is above.`,
    )
}

function hashOf(paths) {
  const hash = createHash('sha256')
  const add = (path) => {
    const full = join(root, path)
    if (!existsSync(full)) return
    const entries = readdirIfDirectory(full)
    if (entries === null) hash.update(path).update(readFileSync(full))
    else for (const name of entries.sort()) if (!name.endsWith('.test.ts')) add(join(path, name))
  }
  for (const path of paths) add(path)
  return hash.digest('hex')
}

function readdirIfDirectory(path) {
  try {
    return readdirSync(path)
  } catch (error) {
    if (error.code === 'ENOTDIR') return null
    throw error
  }
}
