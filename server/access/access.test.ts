import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { GatewayError } from '../../shared/errors.ts'
import { Access, type AccessOptions } from './access.ts'

const SECRET = 'a secret of thirty-two letters!!'
const NOW = Math.floor(Date.now() / 1000)

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'castgate-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

function access(options: Partial<AccessOptions> = {}): Access {
  return new Access({ secret: SECRET, tokenKeys: null, adminKey: null, isPrivate: false, ...options })
}

function sign(claims: Record<string, unknown>, secret = SECRET, alg = 'HS256'): Promise<string> {
  return new SignJWT({ stream: 'stream', publish: true, exp: NOW + 60, ...claims })
    .setProtectedHeader({ alg })
    .sign(new TextEncoder().encode(secret))
}

/** The code with which a token is refused, or null where it is taken. */
async function codeOf(promise: Promise<unknown>): Promise<string | null> {
  return promise.then(
    () => null,
    (error: GatewayError) => error.code,
  )
}

describe('a token that was signed with the secret', () => {
  it.each([
    ['is taken for its stream', {}, 'stream', null],
    ['is taken for streams that its pattern covers', { stream: 'room-*' }, 'room-12', null],
    ['is taken without an end', { exp: undefined }, 'stream', null],
    ['is taken a moment after its end: clocks differ', { exp: NOW - 2 }, 'stream', null],
    ['is refused after its end', { exp: NOW - 60 }, 'stream', 'unauthorized'],
    ['is refused before its beginning', { nbf: NOW + 60 }, 'stream', 'unauthorized'],
    ['is refused for another stream', {}, 'other', 'forbidden'],
    ['is refused where its pattern does not cover the stream', { stream: 'room-*' }, 'hall-12', 'forbidden'],
    ['is refused to broadcast where it is to watch', { publish: undefined, play: true }, 'stream', 'forbidden'],
    ['is refused where a claim is of another kind', { publish: 'yes' }, 'stream', 'unauthorized'],
    ['is refused where its stream is no name', { stream: '../x' }, 'stream', 'unauthorized'],
    ['is refused where its limit is none', { maxSeconds: -1 }, 'stream', 'unauthorized'],
    ['is refused where its end is no number', { exp: 'never' }, 'stream', 'unauthorized'],
  ])('%s', async (_, claims, name, code) => {
    expect(await codeOf(access().publish(await sign(claims), name))).toBe(code)
  })

  it('gives its limits, and its id', async () => {
    const token = await sign({ jti: 'id', maxSeconds: 60, maxBitrate: 1e6 })
    const grant = { tokenId: 'id', expiresAt: (NOW + 65) * 1000, maxSeconds: 60, maxBitrate: 1e6, record: false }
    expect(await access().publish(token, 'stream')).toEqual(grant)
  })
})

describe('a token that is not', () => {
  it.each([
    ['missing', async () => null],
    ['no token', async () => 'hello'],
    ['of another secret', () => sign({}, 'another secret of 32 letters, too')],
    ['unsecured', async () => new UnsecuredJWT({ stream: 'stream', publish: true }).encode()],
    ['signed with another HMAC', () => sign({}, SECRET, 'HS512')],
    ['of a huge size', async () => `${await sign({})}${'x'.repeat(10_000)}`],
    ['changed', async () => (await sign({})).replace(/\.[^.]+\./, `.${btoa('{"stream":"*","publish":true}')}.`)],
  ])('is refused: %s', async (_, token) => {
    expect(await codeOf(access().publish(await token(), 'stream'))).toBe('unauthorized')
  })
})

describe('the keys of a site', () => {
  const kinds = [
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['EdDSA', generateKeyPairSync('ed25519')],
  ] as const
  const claims = { stream: 'stream', publish: true, exp: NOW + 60 }

  it.each(kinds)('verify %s, from a PEM file and from a key set', async (alg, { publicKey, privateKey }) => {
    const pem = join(directory, `${alg}.pem`)
    writeFileSync(pem, publicKey.export({ type: 'spki', format: 'pem' }))
    const set = join(directory, `${alg}.json`)
    writeFileSync(set, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg }] }))
    const token = await new SignJWT(claims).setProtectedHeader({ alg, kid: 'one' }).sign(privateKey)
    for (const tokenKeys of [pem, set]) {
      expect(await codeOf(access({ secret: null, tokenKeys }).publish(token, 'stream'))).toBeNull()
    }
  })

  it.each(kinds)('are never taken for the secret of an HMAC: %s', async (alg, { publicKey }) => {
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const tokenKeys = join(directory, `${alg}-confused.pem`)
    writeFileSync(tokenKeys, pem)
    const token = await sign({}, pem)
    for (const secret of [null, SECRET]) {
      expect(await codeOf(access({ secret, tokenKeys }).publish(token, 'stream'))).toBe('unauthorized')
    }
  })

  it.each(['nothing', '{"keys":1}', '-----BEGIN PUBLIC KEY-----'])('are refused where they are none: %s', (text) => {
    const tokenKeys = join(directory, 'none')
    writeFileSync(tokenKeys, text)
    expect(() => access({ tokenKeys })).toThrow(/neither a public key/)
  })

  it('are fetched from the address of a key set, and known there', async () => {
    const [[alg, { publicKey, privateKey }]] = kinds
    const set = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg }] })
    const site = createServer((_, response) => response.end(set)).listen(0, '127.0.0.1')
    await once(site, 'listening')
    const tokenKeys = `http://127.0.0.1:${(site.address() as AddressInfo).port}/jwks.json`
    const gate = access({ secret: null, tokenKeys })
    const signed = (kid: string) => new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(privateKey)
    expect(await codeOf(gate.publish(await signed('one'), 'stream'))).toBeNull()
    expect(await codeOf(gate.publish(await signed('two'), 'stream'))).toBe('unauthorized')
    site.closeAllConnections()
    site.close()
    const unreachable = access({ secret: null, tokenKeys })
    expect(await codeOf(unreachable.publish(await signed('one'), 'stream'))).toBe('unavailable')
  })

  it('are not fetched over http from elsewhere', () => {
    expect(() => access({ tokenKeys: 'http://site.example/jwks.json' })).toThrow(/https only/)
  })
})

describe('what was granted', () => {
  it('ends when the token is revoked, which then is refused', async () => {
    const gate = access()
    const token = await sign({ jti: 'id' })
    const over = vi.fn()
    gate.whenOver(await gate.publish(token, 'stream'), over)
    gate.revoke('other', null)
    expect(over).not.toHaveBeenCalled()
    gate.revoke('id', (NOW + 60) * 1000)
    expect(over).toHaveBeenCalledOnce()
    expect(await codeOf(gate.publish(token, 'stream'))).toBe('unauthorized')
  })

  it('ends when the token expires, and not where nobody waits for it any more', async () => {
    vi.useFakeTimers({ now: NOW * 1000 })
    try {
      const gate = access()
      const grant = await gate.publish(await sign({}), 'stream')
      const [over, cancelled] = [vi.fn(), vi.fn()]
      gate.whenOver(grant, over)
      gate.whenOver(grant, cancelled)()
      vi.advanceTimersByTime(64_000)
      expect(over).not.toHaveBeenCalled()
      vi.advanceTimersByTime(2_000)
      expect(over).toHaveBeenCalledOnce()
      expect(cancelled).not.toHaveBeenCalled()
    } finally {
      vi.useRealTimers()
    }
  })

  it('is told to be over later and never at once, also where that is the case already', async () => {
    const gate = access()
    const grant = await gate.publish(await sign({}), 'stream')
    let isWaiting = false
    await new Promise<void>((resolve) => {
      gate.whenOver({ ...grant, expiresAt: Date.now() - 1000 }, () => {
        expect(isWaiting).toBe(true)
        resolve()
      })
      isWaiting = true
    })
  })

  it('stays denied for as long as it was first, whoever denies it again', async () => {
    const gate = access()
    const token = await sign({ jti: 'id' })
    gate.revoke('id', null)
    gate.revoke('id', Date.now() - 1)
    expect(await codeOf(gate.publish(token, 'stream'))).toBe('unauthorized')
  })

  it('can be revoked without an id: by the token itself', async () => {
    const gate = access()
    const token = await sign({})
    const { tokenId } = await gate.publish(token, 'stream')
    gate.revoke(tokenId ?? '', null)
    expect(await codeOf(gate.publish(token, 'stream'))).toBe('unauthorized')
  })
})

describe('a gateway without a secret', () => {
  it('lets everyone publish and watch, and makes no tokens', async () => {
    const open = access({ secret: null })
    expect(open.isOpen).toBe(true)
    expect(await codeOf(open.publish(null, 'stream'))).toBeNull()
    expect(await codeOf(open.play(null, 'stream'))).toBeNull()
    const claims = { stream: 'stream', publish: true, play: false, maxSeconds: null, maxBitrate: null }
    expect(await codeOf(open.issue(claims, 60))).toBe('unavailable')
  })
})

describe('the admin key', () => {
  it('is needed as it is, and nobody is let in where there is none', () => {
    const code = (adminKey: string | null, given: string | null) => {
      try {
        access({ adminKey }).requireAdmin(given)
        return null
      } catch (error) {
        return (error as GatewayError).code
      }
    }
    expect(code('key', 'key')).toBeNull()
    expect(code('key', 'kez')).toBe('unauthorized')
    expect(code('key', null)).toBe('unauthorized')
    expect(code(null, 'key')).toBe('forbidden')
  })
})

describe('a token that was denied', () => {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

  /** The same bytes with another last character: its last bits say nothing. */
  const otherEnd = (token: string) => token.slice(0, -1) + ALPHABET.charAt(ALPHABET.indexOf(token.at(-1) ?? 'A') ^ 1)

  it.each<[string, (token: string) => string]>([
    ['as it was', (token) => token],
    ['with another last character', otherEnd],
    ['with padding', (token) => `${token}=`],
    ['with a space behind it', (token) => `${token} `],
    ['with a line end behind it', (token) => `${token}\n`],
    ['with a space before it', (token) => ` ${token}`],
    ['with a part more', (token) => `${token}.`],
  ])('is denied, or no token: %s', async (_, spelled) => {
    const gate = access()
    const token = await sign({})
    const { tokenId } = await gate.publish(token, 'stream')
    gate.revoke(tokenId ?? '', null)
    expect(await codeOf(gate.publish(spelled(token), 'stream'))).toBe('unauthorized')
    // Another one is as good as before.
    expect(await codeOf(gate.publish(await sign({ exp: NOW + 61 }), 'stream'))).toBeNull()
  })

  it('is denied with the other signature that ES256 has for it', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const file = join(directory, 'es256.pem')
    writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }))
    const gate = access({ secret: null, tokenKeys: file })
    const token = await new SignJWT({ stream: 'stream', publish: true, exp: NOW + 60 })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(privateKey)
    const at = token.lastIndexOf('.') + 1
    const signature = Buffer.from(token.slice(at), 'base64url')
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const s = order - BigInt(`0x${signature.subarray(32).toString('hex')}`)
    const other = Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
    const twin = token.slice(0, at) + other.toString('base64url')
    const { tokenId } = await gate.publish(token, 'stream')
    expect((await gate.publish(twin, 'stream')).tokenId).toBe(tokenId)
    gate.revoke(tokenId ?? '', null)
    expect(await codeOf(gate.publish(twin, 'stream'))).toBe('unauthorized')
  })
})

describe('a key set that cannot be fetched', () => {
  it('is not asked for again with every token', async () => {
    let asked = 0
    const site = createServer((_, response) => {
      asked++
      response.writeHead(500).end()
    })
    await once(site.listen(0, '127.0.0.1'), 'listening')
    try {
      const tokenKeys = `http://127.0.0.1:${(site.address() as AddressInfo).port}/jwks.json`
      const gate = access({ secret: null, tokenKeys })
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      for (let i = 0; i < 40; i++) {
        const token = await new SignJWT({ stream: 'stream', publish: true })
          .setProtectedHeader({ alg: 'ES256', kid: `unknown-${i}` })
          .sign(privateKey)
        expect(await codeOf(gate.publish(token, 'stream'))).toBe('unavailable')
      }
      expect(asked).toBe(1)
    } finally {
      site.close()
    }
  })
})
