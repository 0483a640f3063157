import { writeFile } from 'node:fs/promises'
import { generate } from 'selfsigned'

/** A certificate for localhost and 127.0.0.1, good for a day. */
export interface Certificate {
  cert: string
  key: string
}

export async function makeCertificate(): Promise<Certificate> {
  const day = new Date(Date.now() + 24 * 3600 * 1000)
  const altNames = [
    { type: 2 as const, value: 'localhost' },
    { type: 7 as const, ip: '127.0.0.1' },
  ]
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: day,
    extensions: [{ name: 'subjectAltName', altNames }],
  })
  return { cert: made.cert, key: made.private }
}

/** Writes a certificate and its key as `cert.pem` and `key.pem`. */
export async function writeCertificate(directory: string, { cert, key }: Certificate): Promise<void> {
  await writeFile(`${directory}/key.pem`, key)
  await writeFile(`${directory}/cert.pem`, cert)
}
