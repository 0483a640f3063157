import { resolve } from 'node:path'
import { GatewayError } from '../../shared/errors.ts'
import { LIMITS_IN_ALL, LIMITS_PER_ADDRESS, type LimitSet } from '../access/limits.ts'
import { isLoopback } from '../access/request.ts'
import type { S3Options } from '../archive/upload.ts'
import type { Webhook } from '../events/webhooks.ts'
import { MAX_PICTURE, type PictureSize } from '../ffmpeg/picture-size.ts'
import { HostPolicy } from '../net/host-policy.ts'
import { MissingError, UsageError } from '../process/errors.ts'
import { type ConfiguredTarget, readTarget } from '../targets/address.ts'
import { PRESET_HOSTS } from '../targets/presets.ts'

/** How a gateway runs, checked. */
export interface Config {
  /** Address and port of HTTP and WebSocket. */
  host: string
  port: number
  /** Base of every link that is handed out; null: from the request. */
  publicUrl: string | null
  /** Directory for all data: recordings, HLS, generated configuration. */
  dataDir: string
  rtmp: RtmpChoice
  /** Port at which encoders publish, and players play, over RTMP. */
  rtmpPort: number
  /** The same over TLS, with the gateway's certificate; null for none. */
  rtmpsPort: number | null
  /** UDP and TCP port of WebRTC; 0 for none, null for 8189 where that is free. */
  webrtcPort: number | null
  /** Addresses that clients are told for it; empty for those that it listens on. */
  webrtcAddresses: string[]
  /** Most viewers over WebRTC at a time: one costs as much as thirty over HTTP-FLV. */
  webrtcViewers: number
  /** The nginx to start. */
  nginx: string
  /** nginx's own HTTP port. */
  hlsPort: number
  /** How long a broadcast stays open after its publisher disconnects, in s. */
  resumeSeconds: number
  /** Signs and verifies tokens. */
  secret: string | null
  /** Where the public keys of a site are that makes tokens. */
  tokenKeys: string | null
  /** Lets those in who run the gateway. */
  adminKey: string | null
  /** Whether watching needs a token. */
  private: boolean
  /** Whose pages may use the gateway. */
  origins: string[]
  limitsPerAddress: LimitSet
  limitsInAll: LimitSet
  /** Files of a certificate and its key; null for plain HTTP. */
  tls: { cert: string; key: string } | null
  /** Where broadcasts are pushed to, besides the RTMP server. */
  targets: ConfiguredTarget[]
  /** Where broadcasts may be pushed to: names, `*.` and names, addresses and ranges of them. Only those listed may be private. */
  targetHosts: string[]
  /** Whether publishers may add targets to their own broadcasts. */
  publisherTargets: boolean
  /** Broadcasts at a time; null for any number. */
  maxBroadcasts: number | null
  /** Share of all processors, in percent, that transcoders may use before no more are begun. */
  maxCpuPercent: number
  /** Largest picture of a recording, whichever way it stands. */
  maxPicture: PictureSize
  /** Where events are sent to. */
  webhooks: Webhook[]
  /** Whether every broadcast is recorded. */
  record: boolean
  /** How long recordings are kept, in s, and how many bytes of them; null without end. */
  recordKeepSeconds: number | null
  recordKeepBytes: number | null
  /** Where recordings are copied to; null for nowhere. */
  s3: S3Options | null
  /** Free room on the disk that recordings leave alone, in bytes. */
  diskFloorBytes: number
  /** The FFmpeg to use; null for the one that is found. */
  ffmpeg: string | null
}

/** Which RTMP server broadcasts are pushed to. */
export type RtmpChoice = { kind: 'auto' | 'nginx' | 'embedded' } | { kind: 'external'; url: string }

/** The default configuration. */
export const DEFAULTS: Config = {
  host: '127.0.0.1',
  port: 8080,
  publicUrl: null,
  dataDir: './data',
  rtmp: { kind: 'auto' },
  rtmpPort: 1935,
  rtmpsPort: null,
  webrtcPort: null,
  webrtcAddresses: [],
  webrtcViewers: 100,
  nginx: 'nginx',
  hlsPort: 8088,
  resumeSeconds: 30,
  secret: null,
  tokenKeys: null,
  adminKey: null,
  private: false,
  origins: [],
  limitsPerAddress: LIMITS_PER_ADDRESS,
  limitsInAll: LIMITS_IN_ALL,
  tls: null,
  targets: [],
  targetHosts: PRESET_HOSTS,
  publisherTargets: false,
  maxBroadcasts: null,
  maxCpuPercent: 90,
  maxPicture: MAX_PICTURE,
  webhooks: [],
  record: false,
  recordKeepSeconds: null,
  recordKeepBytes: null,
  s3: null,
  diskFloorBytes: 512 * 1024 * 1024,
  ffmpeg: null,
}

/** Shortest secret that signs tokens, in bytes: as many as the hash has (RFC 7518, 3.2). Whoever has a token can try secrets at home. */
export const MIN_SECRET_BYTES = 32

/** A {@link Config} as it is given: what is left out has its default. */
export type GivenConfig = Partial<Config> & {
  /** Lets everyone broadcast who reaches the gateway, also from other machines. */
  insecureOpen?: boolean
}

/**
 * Fills in the defaults. `isElsewhere`: whether others reach the gateway at an address that is not known here.
 * @throws UsageError for options that do not go together, MissingError where the gateway would be open to others without a secret
 */
export function checkedConfig({ insecureOpen = false, ...options }: GivenConfig, isElsewhere = false): Config {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const config: Config = { ...DEFAULTS, ...given }
  requireSecret(config.secret)
  if (config.adminKey?.trim() === '') throw new UsageError('The admin key is empty. Leave it out, or set one.')
  const isGuarded = config.secret !== null || config.tokenKeys !== null
  if (config.private && !isGuarded) {
    throw new UsageError('--private needs tokens: set CASTGATE_SECRET, or give --token-keys.')
  }
  const isLocal = isLoopback(config.host) && !isElsewhere
  if (!isGuarded && !insecureOpen && !isLocal) throw unguarded(isElsewhere ? 'this gateway' : config.host)
  if (config.rtmpsPort !== null && config.tls === null && !isElsewhere) {
    throw new UsageError('--rtmps-port needs a certificate: give --tls-cert and --tls-key.')
  }
  for (const target of config.targets) requireReadable(target)
  requireHosts(config.targetHosts)
  return { ...config, dataDir: resolve(config.dataDir) }
}

/**
 * A secret that signs tokens, or null where there is none.
 * @throws MissingError for an empty one, UsageError for one that can be guessed
 */
export function requireSecret(secret: string | null): string | null {
  if (secret === null) return null
  if (secret.trim() === '') throw new MissingError('secret_missing', `The secret is empty. ${HOW_TO_GUARD}`)
  if (Buffer.byteLength(secret) >= MIN_SECRET_BYTES) return secret
  throw new UsageError(
    `The secret is too short: it needs ${MIN_SECRET_BYTES} bytes, as of: openssl rand -base64 32. Whoever has a token could find it out.`,
  )
}

function requireReadable(target: ConfiguredTarget): void {
  try {
    readTarget(target)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    throw new UsageError(`A target cannot be used. ${error.message}`)
  }
}

function requireHosts(hosts: string[]): void {
  try {
    new HostPolicy(hosts)
  } catch (error) {
    throw new UsageError(`The hosts of targets cannot be used. ${error instanceof Error ? error.message : error}`)
  }
}

function unguarded(place: string): MissingError {
  return new MissingError(
    'secret_missing',
    `Others reach ${place}, and without a secret all of them may broadcast. ${HOW_TO_GUARD}`,
  )
}

const HOW_TO_GUARD = `Make one with
  export CASTGATE_SECRET=$(openssl rand -base64 32)
and give broadcasters tokens (castgate token --help), or leave it out and say --insecure-open.`
