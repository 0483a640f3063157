import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import type { LimitSet } from '../access/limits.ts'
import { UsageError } from '../process/errors.ts'
import { type Config, checkedConfig, DEFAULTS, requireSecret } from './config.ts'
import {
  environment,
  Flag,
  flagFromEnvironment,
  isInEnvironment,
  keyFrom,
  requireKnownVariables,
} from './environment.ts'
import { applyConfigFile } from './file.ts'
import { keyVariablesOf, requireTargetHosts, s3From, targetsFrom, webhooksFrom } from './sections.ts'
import {
  bytes,
  count,
  duration,
  hosts,
  ipAddresses,
  keepSize,
  keepTime,
  limitNames,
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

/** A gateway as a program: its own options, and those of the command line. */
export interface ProgramConfig {
  gateway: Config
  /** The configuration file, or null. */
  file: string | null
  /** Whether phones on the same network are to reach it, with a certificate of its own. */
  lan: boolean
  logLevel: string
  /** Whether missing programs may be installed with apt. */
  install: boolean
  /** Variables of the environment that the configuration file says have keys. */
  keyVariables: string[]
}

function limitWords(set: LimitSet): string {
  return Object.entries(set)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

/** Adds the options of a gateway to `command`. A flag wins over its environment variable. */
export function addServerOptions(command: Command): Command {
  return command
    .addOption(setting('--config <file>', 'a file with these options, and targets', 'CONFIG'))
    .addOption(setting('--host <address>', 'address to listen on', 'HOST').default(DEFAULTS.host))
    .addOption(setting('--port <number>', 'port of HTTP and WebSocket', 'PORT').default(DEFAULTS.port).argParser(port))
    .addOption(
      setting(
        '--public-url <url>',
        'base of every link that is handed out (default: from the request)',
        'PUBLIC_URL',
      ).argParser(webUrl),
    )
    .addOption(
      setting('--data-dir <path>', 'where everything is written that is written', 'DATA_DIR').default(DEFAULTS.dataDir),
    )
    .addOption(
      setting('--rtmp <server>', 'what to push to: auto, nginx, embedded (nothing), or rtmp://host[:port]/app', 'RTMP')
        .default(DEFAULTS.rtmp, 'auto')
        .argParser(rtmpChoice),
    )
    .addOption(
      setting('--rtmp-port <number>', 'port for encoders and players over RTMP', 'RTMP_PORT')
        .default(DEFAULTS.rtmpPort)
        .argParser(port),
    )
    .addOption(
      setting(
        '--rtmps-port <number>',
        'the same over TLS, with the certificate (default: none)',
        'RTMPS_PORT',
      ).argParser(port),
    )
    .addOption(
      setting(
        '--webrtc-port <number>',
        'UDP and TCP port of WebRTC; 0 for none (default: 8189, where it is free)',
        'WEBRTC_PORT',
      ).argParser(portOrNone),
    )
    .addOption(
      setting(
        '--webrtc-address <address...>',
        'addresses to tell clients for it, where others lead here',
        'WEBRTC_ADDRESS',
      )
        .default([], 'where it listens')
        .argParser(ipAddresses),
    )
    .addOption(
      setting('--webrtc-viewers <number>', 'most viewers over WebRTC at a time', 'WEBRTC_VIEWERS')
        .default(DEFAULTS.webrtcViewers)
        .argParser(count),
    )
    .addOption(
      setting('--nginx <program>', 'the nginx to start; OpenResty works, too', 'NGINX').default(DEFAULTS.nginx),
    )
    .addOption(
      setting('--hls-port <number>', "nginx's own HTTP port: /hls/NAME.m3u8 and /stat", 'HLS_PORT')
        .default(DEFAULTS.hlsPort)
        .argParser(port),
    )
    .addOption(
      setting('--resume-seconds <number>', 'how long a broadcast waits for its publisher', 'RESUME_SECONDS')
        .default(DEFAULTS.resumeSeconds)
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
    .addOption(new Flag('--private', 'watching needs a token, too', 'PRIVATE'))
    .addOption(
      setting('--origin <origin...>', 'whose pages may broadcast and play, such as https://site.example', 'ORIGIN')
        .default([])
        .argParser(origins),
    )
    .addOption(new Flag('--insecure-open', 'let everyone broadcast who reaches the server', 'INSECURE_OPEN'))
    .addOption(
      setting('--limits-per-address <limits>', `for each address: ${limitNames}`, 'LIMITS_PER_ADDRESS')
        .default(DEFAULTS.limitsPerAddress, limitWords(DEFAULTS.limitsPerAddress))
        .argParser((text) => limits(text, DEFAULTS.limitsPerAddress)),
    )
    .addOption(
      setting('--limits-in-all <limits>', 'the same for all addresses together', 'LIMITS_IN_ALL')
        .default(DEFAULTS.limitsInAll, limitWords(DEFAULTS.limitsInAll))
        .argParser((text) => limits(text, DEFAULTS.limitsInAll)),
    )
    .addOption(
      setting('--target-hosts <hosts...>', 'where broadcasts may be pushed to: names, *.names, ranges', 'TARGET_HOSTS')
        .default(DEFAULTS.targetHosts, 'those of the presets')
        .argParser((text: string, before: string[]) => hosts(text, before === DEFAULTS.targetHosts ? [] : before)),
    )
    .addOption(new Flag('--publisher-targets', 'publishers may push to targets of their own', 'PUBLISHER_TARGETS'))
    .addOption(
      setting('--max-broadcasts <number>', 'broadcasts at a time (default: any number)', 'MAX_BROADCASTS').argParser(
        count,
      ),
    )
    .addOption(
      setting('--max-cpu <percent>', 'share of all processors from which on no more transcoding is begun', 'MAX_CPU')
        .default(DEFAULTS.maxCpuPercent)
        .argParser(percent),
    )
    .addOption(
      setting('--max-picture <size>', 'largest picture of a recording, whichever way it stands', 'MAX_PICTURE')
        .default(DEFAULTS.maxPicture, sizeWords(DEFAULTS.maxPicture))
        .argParser(picture),
    )
    .addOption(new Flag('--record', 'record every broadcast', 'RECORD'))
    .addOption(
      setting(
        '--record-keep <time>',
        'how long recordings are kept: 12h, 30d (default: for ever)',
        'RECORD_KEEP',
      ).argParser(keepTime),
    )
    .addOption(
      setting(
        '--record-keep-size <size>',
        'how much of them is kept: 500MB, 20GB (default: all)',
        'RECORD_KEEP_SIZE',
      ).argParser(keepSize),
    )
    .addOption(
      setting('--disk-floor <size>', 'free room on the disk that recordings leave alone', 'DISK_FLOOR')
        .default(DEFAULTS.diskFloorBytes, '512MB')
        .argParser(bytes),
    )
    .addOption(setting('--tls-cert <path>', 'certificate, in PEM: the server then speaks https', 'TLS_CERT'))
    .addOption(setting('--tls-key <path>', "the certificate's key, in PEM", 'TLS_KEY'))
    .addOption(new Flag('--lan', 'let phones on this network broadcast: https with a certificate of its own', 'LAN'))
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
    .addOption(setting('--host <address>', 'address of the gateway', 'HOST').default(DEFAULTS.host))
    .addOption(setting('--port <number>', 'port of the gateway', 'PORT').default(DEFAULTS.port).argParser(port))
    .addOption(
      setting('--ffmpeg <program>', 'the FFmpeg to use (default: from ffmpeg-static, else from the PATH)', 'FFMPEG'),
    )
}

/** Adds the flag that forbids installing. */
export function addInstallOption(command: Command): Command {
  return command.addOption(new Flag('--no-install', 'install nothing that is missing', 'NO_INSTALL'))
}

/** What commander gives for the options above. */
type ServerOptions = Pick<
  Config,
  | 'host'
  | 'port'
  | 'dataDir'
  | 'rtmp'
  | 'rtmpPort'
  | 'nginx'
  | 'hlsPort'
  | 'webrtcViewers'
  | 'resumeSeconds'
  | 'maxPicture'
  | 'limitsPerAddress'
  | 'limitsInAll'
  | 'targetHosts'
> & {
  config?: string
  rtmpsPort?: number
  webrtcPort?: number
  webrtcAddress: string[]
  publicUrl?: string
  secretFile?: string
  tokenKeys?: string
  adminKeyFile?: string
  private?: boolean
  origin: string[]
  publisherTargets?: boolean
  maxBroadcasts?: number
  maxCpu: number
  record?: boolean
  recordKeep?: number
  recordKeepSize?: number
  diskFloor: number
  insecureOpen?: boolean
  tlsCert?: string
  tlsKey?: string
  lan?: boolean
  ffmpeg?: string
  logLevel: string
  install?: boolean
}

/**
 * What commander made of the options above, and what the configuration file says.
 * @throws UsageError for options that do not go together, MissingError where the gateway would be open to others without a secret
 */
export function configFrom(command: Command): ProgramConfig {
  const { config: file } = command.opts<{ config?: string }>()
  const sections = file === undefined ? null : applyConfigFile(file, command, isInEnvironment)
  const keyVariables = sections ? keyVariablesOf(sections) : []
  requireOwnVariables(keyVariables)
  const options: unknown = command.opts()
  const {
    config: _file,
    secretFile,
    adminKeyFile,
    origin,
    webrtcAddress,
    tlsCert,
    tlsKey,
    lan,
    logLevel,
    maxCpu,
    recordKeep = null,
    recordKeepSize = null,
    diskFloor,
    install: _install,
    ...given
  } = options as ServerOptions
  const isFromFile = (option: string) => command.getOptionValueSource(option) === 'config'
  const isForLan = isOn(lan, 'LAN')
  const gateway = checkedConfig({
    ...given,
    secret: keyFrom('CASTGATE_SECRET', secretFile, isFromFile('secretFile')),
    adminKey: keyFrom('CASTGATE_ADMIN_KEY', adminKeyFile, isFromFile('adminKeyFile')),
    private: isOn(given.private, 'PRIVATE'),
    origins: origin,
    webrtcAddresses: webrtcAddress,
    publisherTargets: isOn(given.publisherTargets, 'PUBLISHER_TARGETS'),
    maxCpuPercent: maxCpu,
    webhooks: sections ? webhooksFrom(sections, environment) : [],
    s3: sections?.s3 ? s3From(sections.s3) : null,
    record: isOn(given.record, 'RECORD'),
    recordKeepSeconds: recordKeep,
    recordKeepBytes: recordKeepSize,
    diskFloorBytes: diskFloor,
    tls: tlsFrom(tlsCert, tlsKey),
    targets: sections ? targetsFrom(sections, environment) : [],
    // It gets a secret of its own.
    insecureOpen: isForLan || isOn(given.insecureOpen, 'INSECURE_OPEN'),
  })
  if (sections) requireTargetHosts(sections, gateway)
  return { gateway, file: file ?? null, lan: isForLan, logLevel, install: mayInstall(command.opts()), keyVariables }
}

/**
 * The files of a certificate and its key.
 * @throws UsageError for one without the other
 */
export function tlsFrom(cert: string | undefined, key: string | undefined): Config['tls'] {
  if (cert === undefined && key === undefined) return null
  if (cert === undefined || key === undefined) throw new UsageError('--tls-cert and --tls-key go together.')
  return { cert: resolve(cert), key: resolve(key) }
}

/** Adds the options of `castgate token`. */
export function addTokenOptions(command: Command): Command {
  return command
    .addOption(secretFile())
    .requiredOption('--stream <name>', 'the stream it is for; * stands for any part of a name')
    .option('--publish', 'it allows to broadcast', false)
    .option('--play', 'it allows to watch', false)
    .option('--record', 'what is broadcast with it is recorded', false)
    .addOption(
      new Option('--ttl <time>', 'how long it is good: 90s, 15m, 1h, 7d').default(3600, '1h').argParser(duration),
    )
    .addOption(new Option('--max-seconds <number>', 'how long one broadcast may last').default(null).argParser(count))
    .addOption(new Option('--max-bitrate <bits>', 'most bits a second').default(null).argParser(count))
}

function secretFile(): Option {
  return setting('--secret-file <path>', 'file with the secret that signs tokens (or CASTGATE_SECRET)', 'SECRET_FILE')
}

/**
 * The secret that signs tokens, or null. It is no flag of its own: users of the same machine see those.
 * @throws UsageError or MissingError for one that is empty or short
 */
export function secretFrom(options: Record<string, unknown>): string | null {
  const { secretFile: file } = options
  return requireSecret(keyFrom('CASTGATE_SECRET', typeof file === 'string' ? file : undefined))
}

/** The token that `castgate push` broadcasts with, or null. */
export function tokenFromEnvironment(): string | null {
  return keyFrom('CASTGATE_TOKEN', undefined) || null
}

/**
 * Looks for variables that are misspelt: one environment fits all commands. `others` are those that a configuration file names.
 * @throws UsageError with the nearest variable that exists
 */
export function requireOwnVariables(others: readonly string[] = []): void {
  const serve = addInstallOption(addServerOptions(new Command()))
  requireKnownVariables([serve, addAddressOptions(new Command()), addTokenOptions(new Command())], others)
}

/** Whether missing programs may be installed. */
export function mayInstall(options: Record<string, unknown>): boolean {
  return options.install !== false && !isOn(undefined, 'NO_INSTALL')
}

/** Whether a flag is given, or else its variable turns it on. */
function isOn(given: boolean | undefined, variable: string): boolean {
  return given ?? flagFromEnvironment(variable) ?? false
}

function setting(flags: string, description: string, variable: string): Option {
  return new Option(flags, description).env(`CASTGATE_${variable}`)
}
