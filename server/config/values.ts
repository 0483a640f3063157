import { isIP } from 'node:net'
import { InvalidArgumentError } from 'commander'
import { LIMITS_IN_ALL, type LimitSet } from '../access/limits.ts'
import { isPictureSize, MAX_SIDE, type PictureSize } from '../ffmpeg/picture-size.ts'
import { HostPolicy } from '../net/host-policy.ts'
import type { RtmpChoice } from './config.ts'

/** Readers of what stands behind an option: each throws InvalidArgumentError with what would be right. */

/** Longest time that an option may name, in s: a year. */
export const MAX_DURATION_SECONDS = 366 * 24 * 3600

/** What deletes recordings spares at least so much of them: less is a unit that was forgotten, and no wish. */
const MIN_KEEP_SECONDS = 3600
const MIN_KEEP_BYTES = 100e6

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 }
const UNITS = ['MB', 'GB', 'TB']

export const limitNames = Object.keys(LIMITS_IN_ALL).join(', ')

/** A yes or a no in words. */
export function flagValue(text: string): boolean {
  const word = text.trim().toLowerCase()
  if (['1', 'true', 'yes', 'on'].includes(word)) return true
  if (['0', 'false', 'no', 'off'].includes(word)) return false
  throw new InvalidArgumentError('It is 1, true, yes or on; or 0, false, no or off.')
}

export function port(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < 1 || number > 65535)
    throw new InvalidArgumentError('A port is a number from 1 to 65535.')
  return number
}

/** A port, or 0 for none. */
export function portOrNone(text: string): number {
  return text.trim() === '0' ? 0 : port(text)
}

export function ipAddresses(text: string, before: string[]): string[] {
  const added = text.split(/[\s,]+/).filter((address) => address !== '')
  // Names would have to be looked up by browsers, which not all do.
  if (added.some((address) => isIP(address) === 0)) {
    throw new InvalidArgumentError('It is an address such as 203.0.113.5 or 2001:db8::5, and no name.')
  }
  return [...before, ...added]
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
    if (!name || !Object.hasOwn(set, name) || Number(value) < 1) {
      throw new InvalidArgumentError(`It is a list such as sockets=100,broadcasts=5 of ${limitNames}.`)
    }
    set[name as keyof LimitSet] = Number(value)
  }
  return set
}

export function duration(text: string): number {
  const [, number, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text.trim()) ?? []
  const seconds = Number(number) * SECONDS[unit as keyof typeof SECONDS]
  if (seconds >= 1 && seconds <= MAX_DURATION_SECONDS) return seconds
  throw new InvalidArgumentError('It is a time such as 90s, 15m, 1h or 7d, up to 366d.')
}

/** How long something is kept before it is deleted. */
export function keepTime(text: string): number {
  if (/^\s*\d+\s*$/.test(text)) throw new InvalidArgumentError('Add a unit: 12h or 30d.')
  return keepSeconds(duration(text))
}

/** The same, in s. */
export function keepSeconds(seconds: number): number {
  if (seconds >= MIN_KEEP_SECONDS) return seconds
  throw new InvalidArgumentError('Recordings are kept for at least an hour: what is older is deleted.')
}

export function count(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError('It is a number of at least 1.')
  return Number(text)
}

export function bytes(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(MB|GB|TB)?$/i.exec(text.trim()) ?? []
  if (number === undefined) throw new InvalidArgumentError('It is a size such as 500MB, 20GB or 1TB.')
  if (unit !== undefined) return Math.round(Number(number) * 1000 ** (UNITS.indexOf(unit.toUpperCase()) + 2))
  if (Number(number) === 0) return 0
  throw new InvalidArgumentError('Add a unit: 500MB, 20GB or 1TB.')
}

/** How much is kept before the oldest of it is deleted. */
export function keepSize(text: string): number {
  return keepBytes(bytes(text))
}

/** The same, in bytes. */
export function keepBytes(bytes: number): number {
  if (bytes >= MIN_KEEP_BYTES) return bytes
  throw new InvalidArgumentError('At least 100MB of recordings are kept: what is more is deleted.')
}

export function percent(text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !(number >= 1 && number <= 100))
    throw new InvalidArgumentError('It is a number from 1 to 100.')
  return number
}

/** Pixels of a picture, as `1920x1080`. */
export function picture(text: string): PictureSize {
  const [, width, height] = /^\s*(\d{1,5})\s*[x×]\s*(\d{1,5})\s*$/i.exec(text) ?? []
  const size = { width: Number(width), height: Number(height) }
  if (isPictureSize(size)) return size
  throw new InvalidArgumentError(`It is a size such as 1920x1080, up to ${MAX_SIDE}x${MAX_SIDE}.`)
}

/** How it is written. */
export function sizeWords({ width, height }: PictureSize): string {
  return `${width}x${height}`
}
