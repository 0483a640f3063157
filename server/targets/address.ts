import { GatewayError } from '../../shared/errors.ts'
import { normalHost } from '../net/host-policy.ts'
import type { RtmpAddress } from '../rtmp/address.ts'
import { PRESETS } from './presets.ts'

/** What a person says of a target. */
export interface TargetInput {
  /** What people call it. */
  name?: string | undefined
  /** A platform, by its id; or else `url`. */
  preset?: string | undefined
  /** `rtmp://` or `rtmps://`, a host, and the application. What follows is the key, where `key` is not given. */
  url?: string | undefined
  /** The stream key. It is told to nobody. */
  key?: string | undefined
}

/** A target that the operator has configured. */
export interface ConfiguredTarget extends TargetInput {
  /** The streams that go there: a name, or a pattern with `*`. */
  streams: string
}

/** A place to publish to. All but `name` and `host` is secret. */
export interface TargetAddress extends RtmpAddress {
  name: string
}

const DEFAULT_PORTS = { rtmp: 1935, rtmps: 443 }

/** Longest names that servers are known to take, and tokens in a key. */
const MAX_LENGTH = { host: 253, app: 1024, key: 4096 }

/** What may stand in an application or a key: visible ASCII. */
const VISIBLE = /^[\x21-\x7e]+$/

/**
 * Reads a target. A key at the end of the URL is taken as such.
 * @throws GatewayError `bad_message` with what is wrong; it has neither the URL nor the key in it
 */
export function readTarget({ name, preset, url, key }: TargetInput): TargetAddress {
  const chosen = preset === undefined ? null : PRESETS.find(({ id }) => id === preset)
  if (chosen === undefined) throw bad(`There is no such preset. There are ${PRESETS.map(({ id }) => id).join(', ')}.`)
  const given = chosen?.url ?? url
  if (given === undefined) throw bad('A target needs a "preset" or a "url".')
  if (chosen && url !== undefined) throw bad('A target has a "preset" or a "url", not both.')
  const [, scheme = '', host = '', port, path = ''] =
    /^(rtmps?):\/\/([^/?#@]+?)(?::(\d{1,5}))?\/(.+)$/i.exec(given) ?? []
  if (!isScheme(scheme.toLowerCase())) throw bad('The URL must be rtmp:// or rtmps://, a host, and the application.')
  const protocol = scheme.toLowerCase() === 'rtmps' ? 'rtmps' : 'rtmp'
  const normal = normalHost(host)
  if (normal === null) throw bad('The host of the URL is none.')
  const number = port === undefined ? DEFAULT_PORTS[protocol] : Number(port)
  if (number < 1 || number > 65535) throw bad('The port of the URL must be from 1 to 65535.')
  const { app, playpath } = key ? { app: path, playpath: key } : splitKey(path)
  if (!VISIBLE.test(app) || !VISIBLE.test(playpath)) {
    throw bad('The URL or the key has characters that no RTMP server takes, such as a space.')
  }
  if (normal.length > MAX_LENGTH.host || app.length > MAX_LENGTH.app || playpath.length > MAX_LENGTH.key) {
    throw bad('The URL or the key is too long.')
  }
  return {
    name: name || chosen?.title || normal,
    secure: protocol === 'rtmps',
    host: normal,
    port: number,
    app: app.replace(/\/+$/, ''),
    key: playpath,
  }
}

/** A part of a key that is shorter may be any word of an error. */
const MIN_SECRET = 6

/**
 * What of a target must not be repeated, the longest first: servers answer with the key, with what stands before its query, or with a
 * value of that.
 */
export function secretsOf({ app, key }: TargetAddress): string[] {
  const withQuery = [app, key].filter((text) => text.includes('?'))
  const query = withQuery.map((text) => text.slice(text.indexOf('?') + 1)).join('&')
  const raw = query.split('&').map((pair) => pair.slice(pair.indexOf('=') + 1))
  const decoded = new URLSearchParams(query).values()
  const all = new Set([key.split('?')[0] ?? '', ...raw, ...decoded])
  const parts = [...all].filter(({ length }) => length >= MIN_SECRET)
  return [key, ...(app.includes('?') ? [app] : []), ...parts].sort((a, b) => b.length - a.length)
}

/** The application is all but the last part of a path. A query belongs to the key. */
function splitKey(path: string): { app: string; playpath: string } {
  const [before = '', query] = path.split(/(?=\?)/)
  const at = before.lastIndexOf('/')
  if (at < 1 || at === before.length - 1)
    throw bad('The stream key is missing: give "key", or write it at the end of the URL.')
  return { app: before.slice(0, at), playpath: `${before.slice(at + 1)}${query ?? ''}` }
}

function isScheme(text: string): text is keyof typeof DEFAULT_PORTS {
  return Object.hasOwn(DEFAULT_PORTS, text)
}

function bad(message: string): GatewayError {
  return new GatewayError('bad_request', message)
}
