import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'

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
  ffmpeg: string | null
  logLevel: string
  /** Whether missing programs may be installed with apt. */
  install: boolean
}

/** Which RTMP server to use. */
export type RtmpChoice = { kind: 'auto' | 'nginx' | 'embedded' } | { kind: 'external'; url: string }

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

/** What commander made of the options above. */
export function configFrom(options: Record<string, unknown>): Config {
  const values = options as Omit<Config, 'publicUrl' | 'ffmpeg'> & { publicUrl?: string; ffmpeg?: string }
  return {
    ...values,
    publicUrl: values.publicUrl ?? null,
    ffmpeg: values.ffmpeg ?? null,
    dataDir: resolve(values.dataDir),
    install: mayInstall(options),
  }
}

/** Whether missing programs may be installed. */
export function mayInstall(options: Record<string, unknown>): boolean {
  const forbidden = process.env.CASTGATE_NO_INSTALL
  return options.install !== false && (forbidden === undefined || forbidden === '' || forbidden === '0')
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
