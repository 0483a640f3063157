import { constants, existsSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { capture } from '../process/child.ts'

/** An FFmpeg that runs here. */
export interface Ffmpeg {
  path: string
  /** As FFmpeg tells it, such as `5.1.9-0+deb12u1`. */
  version: string
}

/**
 * Finds FFmpeg: the one that the configuration names, else the one of the package `ffmpeg-static`, else the one on the PATH.
 * Null where none of them runs. A named one that does not run is not replaced by another.
 */
export async function locateFfmpeg(configured: string | null): Promise<Ffmpeg | null> {
  if (configured !== null)
    return probe(configured.includes('/') ? configured : ((await onPath(configured)) ?? configured))
  const bundled = bundledPath()
  return (bundled && (await probe(bundled))) || probe((await onPath('ffmpeg')) ?? 'ffmpeg')
}

/** Where the PATH has a program, so that it can be told, and looked after without running it. */
async function onPath(name: string): Promise<string | null> {
  const { stdout } = await capture('which', [name])
  return stdout.trim() || null
}

/** Why an FFmpeg that was found does not run any more, or null: a look at the file where its path is known, else a run. */
export async function ffmpegProblem({ path }: Ffmpeg): Promise<string | null> {
  const missing = `FFmpeg (${path}) does not run any more`
  if (!path.includes('/')) return (await capture(path, ['-version'])).exit.kind === 'not-started' ? missing : null
  return access(path, constants.X_OK).then(
    () => null,
    () => missing,
  )
}

async function probe(path: string): Promise<Ffmpeg | null> {
  const { exit, stdout } = await capture(path, ['-version'])
  if (exit.kind !== 'exited' || exit.code !== 0) return null
  return { path, version: /^ffmpeg version (\S+)/.exec(stdout)?.[1] ?? 'unknown' }
}

/** `ffmpeg-static` is optional: it is missing wherever its binary could not be downloaded. */
function bundledPath(): string | null {
  try {
    const path: unknown = createRequire(import.meta.url)('ffmpeg-static')
    return typeof path === 'string' && existsSync(path) ? path : null
  } catch {
    return null
  }
}
