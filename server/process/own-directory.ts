import { mkdir } from 'node:fs/promises'

/** Makes a directory, and those above it that are missing, for the user of the gateway alone. */
export async function makeOwnDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
}
