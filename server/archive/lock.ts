import { randomBytes } from 'node:crypto'
import { type FileHandle, link, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { hasCode, MissingError } from '../process/errors.ts'
import { processName } from '../process/name.ts'
import { encodeHolder, type Holder, here, holderPath, readHolder } from './lock-holder.ts'
import { answers, type Listening, listen } from './lock-socket.ts'

/**
 * One gateway for a directory. Who takes it writes a file with the next number, `.lock-7`, which the file system gives to one alone
 * (O_EXCL), and the highest number holds. It is never removed, but says that it was released, so that no number is given twice. Whether
 * a holder lives is told by a socket in the directory, which the kernel closes with its process, whatever container that is in; where there can be
 * no socket, and for holders on other machines, by a count that goes up.
 */
const LOCK = /^\.lock-(\d{1,15})$/
/** What gateways before this one wrote. */
const OLD_FILE = '.lock'

/** How often the count goes up, and how long one that does not is waited for. */
export interface LockTiming {
  beatMs: number
  staleMs: number
}
const TIMING: LockTiming = { beatMs: 2_000, staleMs: 20_000 }

/** A directory that this process holds. */
export interface DirectoryLock {
  /** Aborted where another gateway has taken the directory: this one stood still for too long. */
  lost: AbortSignal
  release(): Promise<void>
}

/**
 * Takes a directory for this process. What a process left that has gone is taken over.
 * @throws MissingError where another gateway has it
 */
export async function lockDirectory(directory: string, log: Logger, timing = TIMING): Promise<DirectoryLock> {
  const owner = randomBytes(9).toString('base64url')
  const socket = await listen(directory, `.lock-${owner}.socket`)
  const self: Holder = {
    ...(await here()),
    ...{ owner, socket: socket?.name ?? null, socketFile: socket?.file ?? null, beats: 0, released: false },
  }
  try {
    return await hold(directory, await take(directory, self, log, timing), self, socket, timing)
  } catch (error) {
    await socket?.close()
    throw error
  }
}

/** Writes the file with the next number; gives that. */
async function take(directory: string, self: Holder, log: Logger, timing: LockTiming): Promise<number> {
  await requireOldGone(directory)
  for (;;) {
    const last = await highest(directory)
    if (last > 0) await requireGone(directory, last, log, timing)
    const number = last + 1
    if (!(await create(directory, number, self))) continue
    // Someone may have taken a higher one since the directory was read, when lower ones had been removed.
    if ((await highest(directory)) === number) return number
    await rm(holderPath(directory, number), { force: true })
  }
}

async function hold(
  directory: string,
  number: number,
  self: Holder,
  socket: Listening | null,
  { beatMs }: LockTiming,
): Promise<DirectoryLock> {
  for (const name of await readdir(directory)) {
    const isOlder = Number(LOCK.exec(name)?.[1] ?? number) < number
    const isLeft = name === OLD_FILE || (/^\.lock-[\w-]+\.(socket|new)$/.test(name) && name !== self.socket)
    if (isOlder || isLeft) await rm(join(directory, name), { force: true })
  }
  const lost = new AbortController()
  let beats = Promise.resolve()
  const timer = setInterval(() => {
    beats = beats.then(beat).catch(() => {
      // A disk that fails now may work at the next beat; others wait for many of them.
    })
  }, beatMs)
  timer.unref()
  return {
    lost: lost.signal,
    async release() {
      clearInterval(timer)
      await beats
      if (!lost.signal.aborted) await write({ ...self, released: true }).catch(() => {})
      await socket?.close()
    },
  }

  async function beat(): Promise<void> {
    // Someone removed the files by hand, and another one began anew.
    const holder = await readHolder(directory, number)
    const isTaken = holder !== null && holder.owner !== self.owner
    if (isTaken || (await highest(directory)) > number) return lost.abort()
    self.beats++
    await write(self)
  }

  /** The size stays, so that a reader never sees half of it. */
  async function write(holder: Holder): Promise<void> {
    let file: FileHandle
    try {
      file = await open(holderPath(directory, number), 'r+')
    } catch (error) {
      // Someone removed it by hand.
      if (!hasCode(error, 'ENOENT')) throw error
      file = await open(holderPath(directory, number), 'wx')
    }
    try {
      await file.write(encodeHolder(holder), 0)
      // Another machine reads what was written when it was closed (nfs(5): close-to-open).
      await file.sync()
    } finally {
      await file.close()
    }
  }
}

/** @throws MissingError where the holder of this number lives */
async function requireGone(directory: string, number: number, log: Logger, timing: LockTiming): Promise<void> {
  const first = await readHolder(directory, number)
  if (first?.released) return
  const lives = (first && (await isAlive(directory, first))) ?? null
  if (lives === false) return
  const holder = lives ? first : await beating(directory, number, first, log, timing)
  if (!holder) return
  throw taken(directory, `process ${holder.pid}`, holder.host === hostname() ? '' : ` It runs on ${holder.host}.`)
}

/** Whether a holder on this machine lives; null where that cannot be told at once. */
async function isAlive(directory: string, holder: Holder): Promise<boolean | null> {
  const { boot, pidNamespace } = await here()
  if (boot === null || holder.boot !== boot) return null
  if (holder.socket !== null) return answers(directory, holder.socket, holder.socketFile)
  if (pidNamespace === null || holder.pidNamespace !== pidNamespace) return null
  const name = await processName(holder.pid)
  // Of another user's process the start may be hidden.
  return name === `${holder.pid}` ? null : name === holder.process
}

/** Watches the count of a holder until it goes up; null where it has not for long. Clocks of other machines are not asked. */
async function beating(
  directory: string,
  number: number,
  first: Holder | null,
  log: Logger,
  { beatMs, staleMs }: LockTiming,
): Promise<Holder | null> {
  log.info({ directory, host: first?.host ?? null, seconds: staleMs / 1000 }, 'waiting for a sign of another gateway')
  const until = performance.now() + staleMs
  let seen = first
  do {
    await delay(Math.min(beatMs, staleMs) / 2)
    if ((await highest(directory)) !== number) return null
    const now = await readHolder(directory, number)
    if (now?.released) return null
    // What was not whole when it was read first is told by its second reading.
    if (seen && now && now.beats !== seen.beats) return now
    seen = now ?? seen
  } while (performance.now() < until)
  return null
}

/** The highest number that was taken; 0 for none. */
async function highest(directory: string): Promise<number> {
  const numbers = (await readdir(directory)).map((name) => Number(LOCK.exec(name)?.[1] ?? 0))
  return Math.max(0, ...numbers)
}

/**
 * Writes the file of a number, whole or not at all; false where someone else has that number.
 * A link is made at once, and only where there is none: what stands behind it is written by then.
 */
async function create(directory: string, number: number, self: Holder): Promise<boolean> {
  const draft = join(directory, `.lock-${self.owner}.new`)
  try {
    await writeFile(draft, encodeHolder(self))
    try {
      await link(draft, holderPath(directory, number))
    } catch (error) {
      // Some file systems have no links.
      if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error
      await writeFile(holderPath(directory, number), encodeHolder(self), { flag: 'wx' })
    }
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/** @throws MissingError where a gateway of before, which wrote its process into `.lock`, lives */
async function requireOldGone(directory: string): Promise<void> {
  const old = (await readFile(join(directory, OLD_FILE), 'utf8').catch(() => '')).trim()
  const pid = Number(old.split('.')[0])
  if (pid > 0 && old.includes('.') && (await processName(pid)) === old) throw taken(directory, `process ${pid}`, '')
}

function taken(directory: string, who: string, where: string): MissingError {
  return new MissingError(
    'data_dir_taken',
    `Another gateway (${who}) uses ${directory}.${where} End it, or choose another directory with --data-dir.`,
  )
}
