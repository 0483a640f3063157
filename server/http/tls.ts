import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, watch } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import type { Logger } from 'pino'
import { UsageError } from '../process/errors.ts'

/** Files of a certificate and its key, in PEM. */
export interface TlsFiles {
  cert: string
  key: string
}

/**
 * Reads a certificate and its key.
 * @throws UsageError where they cannot be read, or do not belong together
 */
export async function readTls({ cert, key }: TlsFiles): Promise<SecureContextOptions> {
  const [certificate, privateKey] = await Promise.all([read(cert), read(key)])
  // OpenSSL takes an empty file, as one that is just being written, for no certificate at all, and would go on without any.
  if (!belongTogether(certificate, privateKey)) {
    throw new UsageError(`${cert} and ${key} are not a certificate and its key, in PEM.`)
  }
  return { cert: certificate, key: privateKey, minVersion: 'TLSv1.2' }
}

/**
 * Reads the files again whenever one of them changes, and hands on what they hold; a change to something that cannot be used is logged,
 * and the certificate from before stays. Whoever renews a certificate replaces its file, so the directories are watched. Returns a function
 * that reads them at once: a link whose target changes in another directory is not noticed.
 */
export function watchTls(
  files: TlsFiles,
  use: (context: SecureContextOptions) => void,
  log: Logger,
  signal: AbortSignal,
): () => Promise<void> {
  let reading = Promise.resolve()
  const reread = () => {
    reading = reading.then(async () => {
      try {
        use(await readTls(files))
        log.info('the certificate was read again')
      } catch (error) {
        log.error({ err: error }, 'the changed certificate is not used')
      }
    })
    return reading
  }
  for (const directory of new Set([files.cert, files.key].map(dirname))) void follow(directory)
  return reread

  async function follow(directory: string): Promise<void> {
    try {
      for await (const _ of watch(directory, { signal })) void reread()
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'changes of the certificate are not noticed')
    }
  }
}

function belongTogether(certificate: string, key: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    throw new UsageError(`The file "${file}" cannot be read.`)
  }
}
