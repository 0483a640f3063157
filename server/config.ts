import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { LIMITS_IN_ALL, LIMITS_PER_ADDRESS, type LimitSet } from './access/limits.ts'
import { isLoopback } from './api/playback.ts'
import { readDuration } from './make-token.ts'
import { MissingError, UsageError } from './process/errors.ts'

/** How a gateway runs: flags and environment variables, checked. */
export interface Config {
  host: string
  port: number
  publicUrl: string | null
  dataDir: string
  rtmp: RtmpChoice
  rtmpPort: number
  nginx: string
  hlsPort: number
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
  /** Files of a certificate and its key. */
  tls: { cert: string; key: string } | null
  /** Whether phones on the same network are to reach it, with a certificate of its own. */
  lan: boolean
  ffmpeg: string | null
  logLevel: string
  /** Whether missing programs may be installed with apt. */
  install: boolean
}

/** Which RTMP server to use. */
export type RtmpChoice = { kind: 'auto' | 'nginx' | 'embedded' } | { kind: 'external'; url: string }

const limitNames = Object.keys(LIMITS_IN_ALL).join(', ')

function limitWords(set: LimitSet): string {
  return Object.entries(set)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

/** Adds the options of a gateway to `command`. A flag wins over its environment variable. */
export function addServerOptions(command: Command): Command {
  return command
    .addOption(setting('--host <address>', 'address to listen on', 'HOST').default('127.0.0.1'))
    .addOption(setting('--port <number>', 'port of HTTP and WebSocket', 'PORT').default(8080).argParser(port))
    .addOption(
      setting(
        '--public-url <url>',
        'base of every link that is handed out (default: from the request)',
        'PUBLIC_URL',
      ).argParser(webUrl),
    )
    .addOption(
      setting('--data-dir <path>', 'where everything is written that is written', 'DATA_DIR').default('./data'),
    )
    .addOption(
      setting('--rtmp <server>', 'RTMP server: auto, nginx, embedded, or rtmp://host[:port]/app', 'RTMP')
        .default({ kind: 'auto' }, 'auto')
        .argParser(rtmpChoice),
    )
    .addOption(
      setting('--rtmp-port <number>', 'port of the RTMP server that is started', 'RTMP_PORT')
        .default(1935)
        .argParser(port),
    )
    .addOption(setting('--nginx <program>', 'the nginx to start; OpenResty works, too', 'NGINX').default('nginx'))
    .addOption(
      setting('--hls-port <number>', "nginx's own HTTP port: /hls/NAME.m3u8 and /stat", 'HLS_PORT')
        .default(8088)
        .argParser(port),
    )
    .addOption(
      setting('--resume-seconds <number>', 'how long a broadcast waits for its publisher', 'RESUME_SECONDS')
        .default(30)
        .argParser(seconds),
    )
    .addOption(secretFile())
    .addOption(
      setting(
        '--token-keys <place>',
        "a site's public keys: a PEM file, a JWKS file, or its https address",
        'TOKEN_KEYS',
      ),
    )
    .addOption(setting('--admin-key-file <path>', 'file with the admin key (or CASTGATE_ADMIN_KEY)', 'ADMIN_KEY_FILE'))
    .addOption(flag('--private', 'watching needs a token, too', 'PRIVATE'))
    .addOption(
      setting('--origin <origin...>', 'whose pages may broadcast and play, such as https://site.example', 'ORIGIN')
        .default([])
        .argParser(origins),
    )
    .addOption(flag('--insecure-open', 'let everyone broadcast who reaches the server', 'INSECURE_OPEN'))
    .addOption(
      setting('--limits-per-address <limits>', `for each address: ${limitNames}`, 'LIMITS_PER_ADDRESS')
        .default(LIMITS_PER_ADDRESS, limitWords(LIMITS_PER_ADDRESS))
        .argParser((text) => limits(text, LIMITS_PER_ADDRESS)),
    )
    .addOption(
      setting('--limits-in-all <limits>', 'the same for all addresses together', 'LIMITS_IN_ALL')
        .default(LIMITS_IN_ALL, limitWords(LIMITS_IN_ALL))
        .argParser((text) => limits(text, LIMITS_IN_ALL)),
    )
    .addOption(setting('--tls-cert <path>', 'certificate, in PEM: the server then speaks https', 'TLS_CERT'))
    .addOption(setting('--tls-key <path>', "the certificate's key, in PEM", 'TLS_KEY'))
    .addOption(flag('--lan', 'let phones on this network broadcast: https with a certificate of its own', 'LAN'))
    .addOption(
      setting('--ffmpeg <program>', 'the FFmpeg to use (default: from ffmpeg-static, else from the PATH)', 'FFMPEG'),
    )
    .addOption(
      setting('--log-level <level>', 'least severe messages to log', 'LOG_LEVEL').choices(LOG_LEVELS).default('info'),
    )
}

/** Where `castgate push` finds the gateway. */
export interface ServerAddress {
  host: string
  port: number
  server?: string
}

/** Adds the options that say where the gateway is. They are those of `serve`, so that one environment fits both. */
export function addAddressOptions(command: Command): Command {
  return command
    .addOption(setting('--server <url>', 'the gateway (default: http://HOST:PORT)', 'SERVER').argParser(webUrl))
    .addOption(setting('--host <address>', 'address of the gateway', 'HOST').default('127.0.0.1'))
    .addOption(setting('--port <number>', 'port of the gateway', 'PORT').default(8080).argParser(port))
    .addOption(
      setting('--ffmpeg <program>', 'the FFmpeg to use (default: from ffmpeg-static, else from the PATH)', 'FFMPEG'),
    )
}

/** Adds the flag that forbids installing. */
export function addInstallOption(command: Command): Command {
  return command.addOption(new Option('--no-install', 'install nothing that is missing (CASTGATE_NO_INSTALL=1)'))
}

/** What commander gives for the options above. */
type ServerOptions = Pick<Config, (typeof AS_GIVEN)[number]> & {
  publicUrl?: string
  dataDir: string
  secretFile?: string
  tokenKeys?: string
  adminKeyFile?: string
  origin: string[]
  private?: boolean
  insecureOpen?: boolean
  lan?: boolean
  tlsCert?: string
  tlsKey?: string
  ffmpeg?: string
}

const AS_GIVEN = [
  'host',
  'port',
  'rtmp',
  'rtmpPort',
  'nginx',
  'hlsPort',
  'resumeSeconds',
  'limitsPerAddress',
  'limitsInAll',
  'logLevel',
] as const

/**
 * What commander made of the options above.
 * @throws UsageError for options that do not go together, MissingError where the gateway would be open to others without a secret
 */
export function configFrom(options: Record<string, unknown>): Config {
  const values = options as ServerOptions
  const given = Object.fromEntries(AS_GIVEN.map((name) => [name, values[name]])) as Pick<
    Config,
    (typeof AS_GIVEN)[number]
  >
  const config: Config = {
    ...given,
    publicUrl: values.publicUrl ?? null,
    dataDir: resolve(values.dataDir),
    secret: secretFrom(options),
    tokenKeys: values.tokenKeys ?? null,
    adminKey: keyFrom('CASTGATE_ADMIN_KEY', values.adminKeyFile),
    private: values.private ?? isSet('PRIVATE'),
    origins: values.origin,
    tls: tlsFrom(values),
    lan: values.lan ?? isSet('LAN'),
    ffmpeg: values.ffmpeg ?? null,
    install: mayInstall(options),
  }
  requireGuard(config, values.insecureOpen ?? isSet('INSECURE_OPEN'))
  return config
}

/** Refuses what would let strangers in without being asked to. */
function requireGuard(config: Config, insecureOpen: boolean): void {
  const isGuarded = config.secret !== null || config.tokenKeys !== null
  if (config.private && !isGuarded) {
    throw new UsageError('--private needs tokens: set CASTGATE_SECRET, or give --token-keys.')
  }
  if (isGuarded || insecureOpen || config.lan || isLoopback(config.host)) return
  throw new MissingError(
    'secret_missing',
    `Others reach ${config.host}, and without a secret all of them may broadcast. Make one with
  export CASTGATE_SECRET=$(openssl rand -base64 32)
and give broadcasters tokens (castgate token --help), or say --insecure-open.`,
  )
}

function tlsFrom({ tlsCert, tlsKey }: ServerOptions): Config['tls'] {
  if (tlsCert === undefined && tlsKey === undefined) return null
  if (tlsCert === undefined || tlsKey === undefined) throw new UsageError('--tls-cert and --tls-key go together.')
  return { cert: resolve(tlsCert), key: resolve(tlsKey) }
}

/** Adds the options of `castgate token`. */
export function addTokenOptions(command: Command): Command {
  return command
    .addOption(secretFile())
    .requiredOption('--stream <name>', 'the stream it is for; * stands for any part of a name')
    .option('--publish', 'it allows to broadcast', false)
    .option('--play', 'it allows to watch', false)
    .addOption(
      new Option('--ttl <time>', 'how long it is good: 90s, 15m, 1h, 7d').default(3600, '1h').argParser(duration),
    )
    .addOption(new Option('--max-seconds <number>', 'how long one broadcast may last').default(null).argParser(count))
    .addOption(new Option('--max-bitrate <bits>', 'most bits a second').default(null).argParser(count))
}

function secretFile(): Option {
  return setting('--secret-file <path>', 'file with the secret that signs tokens (or CASTGATE_SECRET)', 'SECRET_FILE')
}

/** The secret that signs tokens, or null. It is no flag of its own: users of the same machine see those. */
export function secretFrom(options: Record<string, unknown>): string | null {
  const { secretFile: file } = options
  return keyFrom('CASTGATE_SECRET', typeof file === 'string' ? file : undefined)
}

/** The token that `castgate push` broadcasts with, or null. */
export function tokenFromEnvironment(): string | null {
  return process.env.CASTGATE_TOKEN || null
}

function keyFrom(variable: string, file: string | undefined): string | null {
  if (file === undefined) return process.env[variable] || null
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch {
    throw new UsageError(`The file "${file}" cannot be read.`)
  }
  if (text === '') throw new UsageError(`The file "${file}" is empty.`)
  return text
}

/** Whether missing programs may be installed. */
export function mayInstall(options: Record<string, unknown>): boolean {
  return options.install !== false && !isSet('NO_INSTALL')
}

/** Whether a variable that stands for a flag turns it on. */
function isSet(variable: string): boolean {
  return !['', '0', 'false', 'no'].includes(process.env[`CASTGATE_${variable}`] ?? '')
}

/** An option without a value. Its variable is read by `isSet`: commander would take CASTGATE_PRIVATE=0 for a yes. */
function flag(flags: string, description: string, variable: string): Option {
  return new Option(flags, `${description} (CASTGATE_${variable}=1)`)
}

function setting(flags: string, description: string, variable: string): Option {
  return new Option(flags, description).env(`CASTGATE_${variable}`)
}

function port(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < 1 || number > 65535)
    throw new InvalidArgumentError('A port is a number from 1 to 65535.')
  return number
}

function seconds(text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number) || number < 0 || number > 86_400) {
    throw new InvalidArgumentError('It is a number of seconds from 0 to 86400.')
  }
  return number
}

function webUrl(text: string): string {
  if (!/^https?:\/\/[^\s/]+/.test(text) || !URL.canParse(text)) {
    throw new InvalidArgumentError('It begins with http:// or https://.')
  }
  return text
}

function rtmpChoice(text: string): RtmpChoice {
  if (text === 'auto' || text === 'nginx' || text === 'embedded') return { kind: text }
  if (/^rtmps?:\/\/[^\s/]+\/[^\s/]+/.test(text)) return { kind: 'external', url: text }
  throw new InvalidArgumentError('It is auto, nginx, embedded, or rtmp://host[:port]/app.')
}

function origins(text: string, before: string[]): string[] {
  const added = text.split(/[\s,]+/).filter((origin) => origin !== '')
  for (const origin of added) {
    if (origin !== '*' && (!URL.canParse(origin) || new URL(origin).origin !== origin)) {
      throw new InvalidArgumentError('An origin is a scheme and a host, such as https://site.example, or *.')
    }
  }
  return [...before, ...added]
}

function limits(text: string, before: LimitSet): LimitSet {
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

function duration(text: string): number {
  const seconds = readDuration(text)
  if (seconds === null) throw new InvalidArgumentError('It is a time such as 90s, 15m, 1h or 7d, up to 366d.')
  return seconds
}

function count(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError('It is a number of at least 1.')
  return Number(text)
}
