import { type Static, Type } from 'typebox'
import { GatewayError } from '../../shared/errors.ts'
import { STREAM_PATTERN } from '../access/claims.ts'
import type { S3Options } from '../archive/upload.ts'
import { EVENT_TYPES, type EventType } from '../events/events.ts'
import type { Webhook } from '../events/webhooks.ts'
import { HostPolicy } from '../net/host-policy.ts'
import { UsageError } from '../process/errors.ts'
import { type ConfiguredTarget, readTarget } from '../targets/address.ts'
import { PRESETS } from '../targets/presets.ts'
import type { Config } from './config.ts'
import { keyIn } from './environment.ts'

/** A target as it stands in the file. Its key is not there: the file is shown around, copied and committed. */
const TargetSection = Type.Object(
  {
    name: Type.Optional(Type.String()),
    preset: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: PRESETS.map(({ id }) => id) })),
    url: Type.Optional(Type.String({ pattern: '^rtmps?://' })),
    'key-env': Type.Optional(Type.String({ description: 'The variable of the environment that has the stream key.' })),
    'key-file': Type.Optional(Type.String({ description: 'The file that has the stream key.' })),
    streams: Type.Optional(Type.String({ pattern: STREAM_PATTERN })),
  },
  { additionalProperties: false },
)

const WebhookSection = Type.Object(
  {
    url: Type.String({ pattern: '^https?://[^/\\s]+' }),
    events: Type.Optional(Type.Array(Type.Unsafe<EventType>({ type: 'string', enum: EVENT_TYPES }), { minItems: 1 })),
    'secret-env': Type.Optional(Type.String({ description: 'The variable of the environment that has the secret.' })),
    'secret-file': Type.Optional(Type.String({ description: 'The file that has the secret.' })),
  },
  { additionalProperties: false },
)

const S3Section = Type.Object(
  {
    bucket: Type.String({ minLength: 1 }),
    prefix: Type.Optional(Type.String()),
    region: Type.Optional(Type.String()),
    endpoint: Type.Optional(Type.String({ pattern: '^https?://[^/\\s]+' })),
    'path-style': Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

/** The parts of the file that are no options of the command line. */
export const SECTIONS = {
  targets: Type.Array(TargetSection),
  webhooks: Type.Array(WebhookSection),
  s3: S3Section,
}

/** What they say, and where each stands, for errors. */
export interface ConfigSections {
  targets: Static<typeof SECTIONS.targets>
  webhooks: Static<typeof SECTIONS.webhooks>
  s3: Static<typeof SECTIONS.s3> | null
  /** The file and line of what `path` leads to: `castgate.yaml:12`. */
  placeOf(path: (string | number)[]): string
}

/**
 * The targets of a configuration file, with their keys.
 * @throws UsageError with the line of one that cannot be used
 */
export function targetsFrom(
  { targets, placeOf }: ConfigSections,
  environment: Readonly<Record<string, string | undefined>>,
): ConfiguredTarget[] {
  return targets.map(({ 'key-env': variable, 'key-file': file, streams = '*', ...rest }, index) => {
    const place = placeOf(['targets', index])
    if (variable !== undefined && file !== undefined)
      throw new UsageError(`${place}: "key-env" and "key-file" exclude each other.`)
    const key =
      variable === undefined
        ? file === undefined
          ? undefined
          : inPlace(place, () => keyIn(file))
        : environment[variable]
    if (variable !== undefined && !key) throw new UsageError(`${place}: the variable ${variable} is not set.`)
    const target = { ...rest, streams, ...(key !== undefined && { key }) }
    inPlace(place, () => readTarget(target))
    return target
  })
}

/**
 * The webhooks of a configuration file, with their secrets.
 * @throws UsageError with the line of one that cannot be used
 */
export function webhooksFrom(
  { webhooks, placeOf }: ConfigSections,
  environment: Readonly<Record<string, string | undefined>>,
): Webhook[] {
  return webhooks.map(({ url, events = null, 'secret-env': variable, 'secret-file': file }, index) => {
    const place = placeOf(['webhooks', index])
    if (!URL.canParse(url) || new URL(url).username !== '' || new URL(url).password !== '') {
      throw new UsageError(`${place}: "url" must be an address without a user or a password.`)
    }
    const secret =
      variable === undefined ? file !== undefined && inPlace(place, () => keyIn(file)) : environment[variable]
    if (!secret) {
      const words =
        variable === undefined ? 'it needs "secret-env" or "secret-file"' : `the variable ${variable} is not set`
      throw new UsageError(`${place}: ${words}.`)
    }
    return { url, events, secret }
  })
}

/**
 * Looks whether broadcasts may be sent to the targets of a configuration file.
 * @throws UsageError with the line of one that is not allowed
 */
export function requireTargetHosts(
  { placeOf }: ConfigSections,
  { targets, targetHosts }: Pick<Config, 'targets' | 'targetHosts'>,
): void {
  for (const [index, target] of targets.entries()) {
    const { host } = readTarget(target)
    inPlace(placeOf(['targets', index]), () => HostPolicy.withNamed(targetHosts, [host]).requireHost(host))
  }
}

/** The variables of the environment that have keys. */
export function keyVariablesOf({ targets, webhooks }: ConfigSections): string[] {
  return [
    ...targets.flatMap(({ 'key-env': variable }) => variable ?? []),
    ...webhooks.flatMap(({ 'secret-env': variable }) => variable ?? []),
  ]
}

/** Without an endpoint it is Amazon's. */
export function s3From({
  bucket,
  prefix = '',
  region = 'us-east-1',
  endpoint,
  ...rest
}: NonNullable<ConfigSections['s3']>): S3Options {
  return { bucket, prefix, region, endpoint: endpoint ?? null, pathStyle: rest['path-style'] ?? endpoint !== undefined }
}

/** Does something with what stands at `place`; says the place of what is wrong with it. */
function inPlace<T>(place: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    const isAboutIt = error instanceof UsageError || error instanceof GatewayError || error instanceof SyntaxError
    throw isAboutIt ? new UsageError(`${place}: ${error.message}`) : error
  }
}
