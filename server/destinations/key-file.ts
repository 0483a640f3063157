import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Destination } from './destination.ts'

/** A file with what FFmpeg must know and nobody else: it is removed when FFmpeg has opened its output, or has failed to. */
export interface KeyFile {
  path: string
  /** Idempotent. */
  remove(): Promise<void>
}

/**
 * Writes FFmpeg's options for `destination` into a file that this user alone can read, for `-fpre`: on a command line every user of the
 * machine would see the key.
 */
export async function writeKeyFile({ secure, host, port, app, key }: Destination): Promise<KeyFile> {
  const directory = await mkdtemp(join(tmpdir(), 'castgate-key-'))
  const path = join(directory, 'options')
  const inUrl = host.includes(':') ? `[${host}]` : host
  const options = {
    // What the server is told about its own address: it is at the other end of a tunnel.
    rtmp_tcurl: `${secure ? 'rtmps' : 'rtmp'}://${inUrl}${port === 1935 ? '' : `:${port}`}/${app}`,
    rtmp_app: app,
    rtmp_playpath: key,
  }
  const lines = Object.entries(options).map(([name, value]) => `${name}=${value}\n`)
  await writeFile(path, lines.join(''), { mode: 0o600 })
  return { path, remove: () => rm(directory, { recursive: true, force: true }) }
}
