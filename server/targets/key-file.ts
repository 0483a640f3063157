import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processName } from '../process/name.ts'
import type { TargetAddress } from './address.ts'

/** A file with what FFmpeg must know and nobody else: it is removed when FFmpeg has opened its output, or has failed to. */
export interface KeyFile {
  path: string
  /** Idempotent. Never rejects. */
  remove(): Promise<void>
}

const PREFIX = 'castgate-key-'

/** No attempt takes so long: a file that is older was left behind by a gateway that was killed. */
const LEFT_BEHIND_MS = 5 * 60_000

/** The name of a directory says whose it is: `castgate-key-PROCESS-…`. */
const OWNER = new RegExp(`^${PREFIX}((\\d+)(?:\\.\\d+)?)-`)

/**
 * Writes FFmpeg's options for `target` into a file that this user alone can read, for `-fpre`: on a command line every user of the
 * machine would see the key.
 */
export async function writeKeyFile({ secure, host, port, app, key }: TargetAddress): Promise<KeyFile> {
  const directory = await mkdtemp(join(tmpdir(), `${PREFIX}${await processName(process.pid)}-`))
  const remove = () => rm(directory, { recursive: true, force: true }).catch(() => {})
  const path = join(directory, 'options')
  const inUrl = host.includes(':') ? `[${host}]` : host
  const options = {
    // What the server is told about its own address: it is at the other end of a tunnel.
    rtmp_tcurl: `${secure ? 'rtmps' : 'rtmp'}://${inUrl}${port === 1935 ? '' : `:${port}`}/${app}`,
    rtmp_app: app,
    rtmp_playpath: key,
  }
  const lines = Object.entries(options).map(([name, value]) => `${name}=${value}\n`)
  try {
    await writeFile(path, lines.join(''), { mode: 0o600 })
    return { path, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Removes files that a gateway which was killed left behind. */
export async function removeOldKeyFiles(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue
    const [, owner, pid] = OWNER.exec(name) ?? []
    const hasGone = pid !== undefined && (await processName(Number(pid))) !== owner
    const path = join(tmpdir(), name)
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    // Another user's cannot be removed, and need not be.
    if (age > LEFT_BEHIND_MS || hasGone) await rm(path, { recursive: true, force: true }).catch(() => {})
  }
}
