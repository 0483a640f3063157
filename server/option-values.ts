import { InvalidArgumentError } from 'commander'
import type { LimitSet } from './access/limits.ts'
import { HostPolicy } from './destinations/host-policy.ts'
import { readDuration } from './make-token.ts'
import { DEFAULTS, type RtmpChoice } from './options.ts'

/** Readers of what stands behind an option: each throws InvalidArgumentError with what would be right. */

export const limitNames = Object.keys(DEFAULTS.limitsInAll).join(', ')

export function port(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < 1 || number > 65535)
    throw new InvalidArgumentError('A port is a number from 1 to 65535.')
  return number
}

export function seconds(text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number) || number < 0 || number > 86_400) {
    throw new InvalidArgumentError('It is a number of seconds from 0 to 86400.')
  }
  return number
}

export function webUrl(text: string): string {
  if (!/^https?:\/\/[^\s/]+/.test(text) || !URL.canParse(text)) {
    throw new InvalidArgumentError('It begins with http:// or https://.')
  }
  return text
}

export function rtmpChoice(text: string): RtmpChoice {
  if (text === 'auto' || text === 'nginx' || text === 'embedded') return { kind: text }
  if (/^rtmps?:\/\/[^\s/]+\/[^\s/]+/.test(text)) return { kind: 'external', url: text }
  throw new InvalidArgumentError('It is auto, nginx, embedded, or rtmp://host[:port]/app.')
}

export function origins(text: string, before: string[]): string[] {
  const added = text.split(/[\s,]+/).filter((origin) => origin !== '')
  for (const origin of added) {
    if (origin !== '*' && (!URL.canParse(origin) || new URL(origin).origin !== origin)) {
      throw new InvalidArgumentError('An origin is a scheme and a host, such as https://site.example, or *.')
    }
  }
  return [...before, ...added]
}

export function hosts(text: string, before: string[]): string[] {
  const added = text.split(/[\s,]+/).filter((host) => host !== '')
  try {
    new HostPolicy(added)
  } catch {
    throw new InvalidArgumentError('A host is a name, *.name, *, an address, or a range such as 10.0.0.0/8.')
  }
  return [...before, ...added]
}

export function limits(text: string, before: LimitSet): LimitSet {
  const set = { ...before }
  for (const pair of text.split(',')) {
    const [, name, value] = /^\s*(\w+)=(\d+)\s*$/.exec(pair) ?? []
    if (!name || !(name in set) || Number(value) < 1) {
      throw new InvalidArgumentError(`It is a list such as sockets=100,broadcasts=5 of ${limitNames}.`)
    }
    set[name as keyof LimitSet] = Number(value)
  }
  return set
}

export function duration(text: string): number {
  const seconds = readDuration(text)
  if (seconds === null) throw new InvalidArgumentError('It is a time such as 90s, 15m, 1h or 7d, up to 366d.')
  return seconds
}

export function count(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError('It is a number of at least 1.')
  return Number(text)
}

export function bytes(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*(MB|GB|TB)?$/i.exec(text.trim()) ?? []
  const power = ['', 'MB', 'GB', 'TB'].indexOf(unit.toUpperCase())
  if (number === undefined) throw new InvalidArgumentError('It is a size such as 500MB, 20GB or 1TB.')
  return Math.round(Number(number) * (power === 0 ? 1 : 1000 ** (power + 1)))
}

export function percent(text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !(number >= 1 && number <= 100))
    throw new InvalidArgumentError('It is a number from 1 to 100.')
  return number
}
