import { Ajv } from 'ajv'
import { InvalidArgumentError } from 'commander'
import { type Static, type TSchema, Type } from 'typebox'
import { LIMITS_IN_ALL, LIMITS_PER_ADDRESS, type LimitSet } from '../access/limits.ts'
import { EVENT_TYPES, type EventType } from '../events/events.ts'
import type { PictureSize } from '../ffmpeg/picture-size.ts'
import { UsageError } from '../process/errors.ts'
import { tlsFrom } from './command-line.ts'
import { type Config, DEFAULTS, type GivenConfig, type RtmpChoice } from './config.ts'
import { keyIn } from './environment.ts'
import { nearest } from './nearest.ts'
import { s3From } from './sections.ts'
import {
  bytes,
  count,
  hosts,
  ipAddresses,
  keepBytes,
  keepSeconds,
  keepSize,
  keepTime,
  limits,
  origins,
  percent,
  picture,
  port,
  portOrNone,
  rtmpChoice,
  seconds,
  sizeWords,
  webUrl,
} from './values.ts'

/** Options under the names that they have on the command line, in camelCase, where {@link Config} has another name or shape for them. */
interface NamedOptions {
  /** As `--rtmp`, or `{ kind }`. */
  rtmp?: RtmpChoice | string
  limitsPerAddress?: Partial<LimitSet>
  limitsInAll?: Partial<LimitSet>
  /** File with the secret that signs tokens. */
  secretFile?: string
  /** File with the admin key. */
  adminKeyFile?: string
  /** One address or several, as `webrtcAddresses`. */
  webrtcAddress?: string | string[]
  /** One origin or several, as `origins`. */
  origin?: string | string[]
  maxCpu?: number
  /** `1920x1080`, or `{ width, height }`. */
  maxPicture?: PictureSize | string
  /** `30d`, as `recordKeepSeconds` in s. */
  recordKeep?: string
  /** `200GB`, as `recordKeepBytes` in bytes. */
  recordKeepSize?: string
  /** `5GB`, as `diskFloorBytes` in bytes. */
  diskFloor?: string
  tlsCert?: string
  tlsKey?: string
}

/** The options of a gateway inside another program: those of the command line in camelCase. What is left out has its default. */
export type GatewayOptions = Omit<GivenConfig, keyof NamedOptions> & NamedOptions

const Target = Type.Object(
  {
    name: Type.Optional(Type.String()),
    preset: Type.Optional(Type.String()),
    url: Type.Optional(Type.String()),
    key: Type.Optional(Type.String()),
    streams: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
)

const Webhook = Type.Object(
  {
    url: Type.String({ pattern: '^https?://[^/\\s]+' }),
    secret: Type.String({ pattern: '\\S' }),
    events: Type.Optional(
      Type.Union([Type.Array(Type.Unsafe<EventType>({ type: 'string', enum: EVENT_TYPES })), Type.Null()]),
    ),
  },
  { additionalProperties: false },
)

const S3 = Type.Object(
  {
    bucket: Type.String({ minLength: 1 }),
    prefix: Type.Optional(Type.String()),
    region: Type.Optional(Type.String()),
    endpoint: Type.Optional(Type.Union([Type.String({ pattern: '^https?://[^/\\s]+' }), Type.Null()])),
    pathStyle: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

const Tls = Type.Object({ cert: Type.String(), key: Type.String() }, { additionalProperties: false })
const Size = Type.Object({ width: Type.Number(), height: Type.Number() }, { additionalProperties: false })
const Rtmp = Type.Object({ kind: Type.String(), url: Type.Optional(Type.String()) }, { additionalProperties: false })

/** Reads one option; throws InvalidArgumentError with what would be right. */
type Reader<T> = (value: unknown) => T

const flag: Reader<boolean> = (value) => {
  if (typeof value === 'boolean') return value
  throw new InvalidArgumentError('It is true or false.')
}
const text: Reader<string> = (value) => {
  if (typeof value === 'string' && value.trim() !== '') return value
  throw new InvalidArgumentError('It is a text.')
}
const key: Reader<string> = (value) => {
  if (typeof value === 'string') return value
  throw new InvalidArgumentError('It is a text.')
}
const textAs =
  <T>(read: (text: string) => T): Reader<T> =>
  (value) =>
    read(text(value))
const numberAs =
  <T>(read: (text: string) => T): Reader<T> =>
  (value) => {
    if (typeof value === 'number') return read(String(value))
    throw new InvalidArgumentError('It is a number.')
  }
const numberOf =
  (check: (number: number) => number): Reader<number> =>
  (value) => {
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return check(value)
    throw new InvalidArgumentError('It is a number.')
  }
const listOf =
  (read: (text: string, before: string[]) => string[]): Reader<string[]> =>
  (value) => {
    if (typeof value !== 'string' && !Array.isArray(value)) throw new InvalidArgumentError('It is a list of texts.')
    return [value].flat().reduce<string[]>((before, each) => read(text(each), before), [])
  }
const limitsOver =
  (defaults: LimitSet): Reader<LimitSet> =>
  (value) => {
    if (typeof value === 'string') return limits(value, defaults)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InvalidArgumentError('It is a set of limits.')
    }
    return Object.entries(value).reduce((before, [name, limit]) => limits(`${name}=${limit}`, before), defaults)
  }
const shaped = <S extends TSchema>(schema: S): Reader<Static<S>> => {
  const check = new Ajv().compile(schema)
  return (value) => {
    if (check(value)) return value as Static<S>
    const { instancePath, message, params } = check.errors?.[0] ?? { instancePath: '', message: '', params: {} }
    const extra = 'additionalProperty' in params ? ` (${params.additionalProperty})` : ''
    throw new InvalidArgumentError(`${instancePath.slice(1) || 'It'} ${message}${extra}.`)
  }
}
const shapedRtmp = shaped(Rtmp)
const shapedSize = shaped(Size)
const shapedWebhooks = shaped(Type.Array(Webhook))
const shapedTargets = shaped(Type.Array(Target))
const shapedS3 = shaped(S3)

/** How each field of the configuration is read. */
const FIELDS: { [K in keyof Required<GivenConfig>]: Reader<Exclude<GivenConfig[K], undefined>> } = {
  host: text,
  // 0: any that is free.
  port: (value) => (value === 0 ? 0 : numberAs(port)(value)),
  publicUrl: textAs(webUrl),
  dataDir: text,
  rtmp: (value) => {
    if (typeof value === 'string') return rtmpChoice(value)
    const { kind, url } = shapedRtmp(value)
    return rtmpChoice(kind === 'external' ? (url ?? '') : kind)
  },
  rtmpPort: numberAs(port),
  rtmpsPort: numberAs(port),
  webrtcPort: numberAs(portOrNone),
  webrtcAddresses: listOf(ipAddresses),
  webrtcViewers: numberAs(count),
  nginx: text,
  hlsPort: numberAs(port),
  resumeSeconds: numberAs(seconds),
  secret: key,
  tokenKeys: text,
  adminKey: key,
  private: flag,
  origins: listOf(origins),
  limitsPerAddress: limitsOver(LIMITS_PER_ADDRESS),
  limitsInAll: limitsOver(LIMITS_IN_ALL),
  tls: shaped(Tls),
  targets: (value) => shapedTargets(value).map((each) => ({ ...each, streams: each.streams ?? '*' })),
  targetHosts: listOf(hosts),
  publisherTargets: flag,
  maxBroadcasts: numberAs(count),
  maxCpuPercent: numberAs(percent),
  maxPicture: (value) => picture(typeof value === 'string' ? value : sizeWords(shapedSize(value))),
  webhooks: (value) => shapedWebhooks(value).map((each) => ({ ...each, events: each.events ?? null })),
  record: flag,
  recordKeepSeconds: numberOf(keepSeconds),
  recordKeepBytes: numberOf(keepBytes),
  s3: (value) => {
    const { endpoint, pathStyle, ...rest } = shapedS3(value)
    return s3From({
      ...rest,
      ...(endpoint && { endpoint }),
      ...(pathStyle !== undefined && { 'path-style': pathStyle }),
    })
  },
  diskFloorBytes: numberOf((number) => number),
  ffmpeg: text,
  insecureOpen: flag,
}

/** Other names for them, those of the command line. */
const NAMES: { [name in keyof NamedOptions]?: { field: keyof GivenConfig; read: Reader<unknown> } } = {
  secretFile: { field: 'secret', read: textAs(keyIn) },
  adminKeyFile: { field: 'adminKey', read: textAs(keyIn) },
  origin: { field: 'origins', read: FIELDS.origins },
  webrtcAddress: { field: 'webrtcAddresses', read: FIELDS.webrtcAddresses },
  maxCpu: { field: 'maxCpuPercent', read: FIELDS.maxCpuPercent },
  recordKeep: { field: 'recordKeepSeconds', read: textAs(keepTime) },
  recordKeepSize: { field: 'recordKeepBytes', read: textAs(keepSize) },
  diskFloor: { field: 'diskFloorBytes', read: textAs(bytes) },
}

/** Options that the command line has and a library has not, with what to do. */
const NOT_HERE = new Map([
  ['config', 'Give its options here.'],
  ['lan', 'It is for the command line.'],
  ['install', 'The library installs nothing.'],
  ['logLevel', 'Give a logger, or its level, as "log".'],
])

/**
 * Reads the options that a program gives. `without`: those that do not exist here, with the reason.
 * @throws UsageError for one that does not exist, is of the wrong type or twice there
 */
export function readOptions(options: unknown, without: Readonly<Record<string, string>> = {}): GivenConfig {
  if (typeof options !== 'object' || options === null) throw new UsageError('The options of a gateway are an object.')
  const given = new Map<string, unknown>()
  const put = (name: string, field: string, value: unknown) => {
    if (given.has(field))
      throw new UsageError(`The option "${name}" says again what "${field}" says. Give one of them.`)
    given.set(field, value)
  }
  const missing = new Map([...NOT_HERE, ...Object.entries(without)])
  const { tlsCert, tlsKey, ...others } = options as { tlsCert?: unknown; tlsKey?: unknown }
  for (const [name, value] of Object.entries(others)) {
    const why = missing.get(name)
    if (why !== undefined) throw new UsageError(`There is no option "${name}" here. ${why}`)
    const option = optionOf(name)
    if (!option) throw unknownOption(name)
    if (value !== undefined)
      put(
        name,
        option.field,
        inName(name, () => readOrNull(option, value)),
      )
  }
  if (tlsCert !== undefined || tlsKey !== undefined) {
    const why = missing.get('tls')
    if (why !== undefined) throw new UsageError(`There is no option "tlsCert" here. ${why}`)
    const file = (value: unknown) => (value === undefined ? undefined : text(value))
    put(
      'tlsCert',
      'tls',
      inName('tlsCert', () => tlsFrom(file(tlsCert), file(tlsKey))),
    )
  }
  return Object.fromEntries(given) as GivenConfig
}

function optionOf(name: string): { field: string; read: Reader<unknown> } | null {
  if (Object.hasOwn(FIELDS, name)) return { field: name, read: FIELDS[name as keyof typeof FIELDS] }
  return Object.hasOwn(NAMES, name) ? (NAMES[name as keyof typeof NAMES] ?? null) : null
}

/** `null` says "none" where that is what an option is by default. */
function readOrNull({ field, read }: { field: string; read: Reader<unknown> }, value: unknown): unknown {
  const isNone = value === null && field in DEFAULTS && DEFAULTS[field as keyof Config] === null
  return isNone ? null : read(value)
}

/** Names the option in what is wrong with it. Its value is not repeated: it may be a key. */
function inName<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw new UsageError(`The option "${name}" cannot be used. ${error.message}`)
  }
}

function unknownOption(name: string): UsageError {
  const hint = nearest(name, [...Object.keys(FIELDS), ...Object.keys(NAMES), 'tlsCert', 'tlsKey'])
  return new UsageError(`There is no option "${name}".${hint === null ? '' : ` Did you mean "${hint}"?`}`)
}
