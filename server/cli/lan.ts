import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { renderUnicodeCompact } from 'uqr'
import { signToken } from '../access/access.ts'
import { type Config, DEFAULTS } from '../config/config.ts'
import type { TlsFiles } from '../http/tls.ts'
import { makeOwnDirectory } from '../process/own-directory.ts'

/** How long the certificate is good, in days: browsers take no longer ones. */
const CERTIFICATE_DAYS = 397
const DAY_MS = 24 * 3600 * 1000

/** How long the token in the printed link is good, in s. */
const TOKEN_SECONDS = 24 * 3600

/** Addresses of this machine that others on its networks may reach; this machine's own where there are none. */
export function lanAddresses(): string[] {
  const found = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const outside = found.filter(({ family, internal }) => family === 'IPv4' && !internal)
  return outside.length > 0 ? outside.map(({ address }) => address) : ['127.0.0.1']
}

/**
 * A gateway for phones on the same network: it listens everywhere, with a certificate of its own, and with a secret where it has
 * none: who is near is not thereby let in.
 */
export async function lanConfig(config: Config): Promise<Config> {
  return {
    ...config,
    host: config.host === DEFAULTS.host ? '0.0.0.0' : config.host,
    tls: config.tls ?? (await ownCertificate(join(config.dataDir, 'tls'), lanAddresses())),
    secret: config.secret ?? (config.tokenKeys === null ? randomBytes(32).toString('base64url') : null),
  }
}

/** What to print for a person with a phone: the link to the studio with a token in it, as text and as a QR code. */
export async function lanGreeting({ secret, port, tls }: Config): Promise<string> {
  const [address] = lanAddresses()
  const claims = { stream: '*', publish: true, play: true, maxSeconds: null, maxBitrate: null }
  const token = secret === null ? '' : `#token=${await signToken(secret, claims, TOKEN_SECONDS)}`
  const url = `https://${address}:${port}/${token}`
  const print = tls
    ? createHash('sha256')
        .update(new X509Certificate(await readFile(tls.cert)).raw)
        .digest('hex')
    : ''
  return `On a phone in the same network, open

${renderUnicodeCompact(url, { border: 2 })}
  ${url}

The certificate is this server's own, so the phone warns of it once. Its SHA-256 fingerprint:
  ${print}
`
}

/** The certificate in `directory`; a new one where there is none that is good for `addresses`. */
async function ownCertificate(directory: string, addresses: string[]): Promise<TlsFiles> {
  const files = { cert: join(directory, 'own-cert.pem'), key: join(directory, 'own-key.pem') }
  if (await isGood(files.cert, addresses)) return files
  // Only who asks for a network needs it.
  const { generate } = await import('selfsigned')
  const made = await generate([{ name: 'commonName', value: 'Castgate' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + CERTIFICATE_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          ...[...addresses, '127.0.0.1'].map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  })
  await makeOwnDirectory(directory)
  await writeFile(files.cert, made.cert)
  await writeFile(files.key, made.private, { mode: 0o600 })
  return files
}

async function isGood(file: string, addresses: string[]): Promise<boolean> {
  try {
    const certificate = new X509Certificate(await readFile(file))
    const left = Date.parse(certificate.validTo) - Date.now()
    return left > DAY_MS && addresses.every((address) => certificate.checkIP(address) !== undefined)
  } catch {
    // None yet, or one that cannot be read.
    return false
  }
}
