import { access, constants } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { freeBytes } from '../archive/disk.ts'
import { loadSdk } from '../archive/upload.ts'
import type { ProgramConfig } from '../config/command-line.ts'
import type { Config } from '../config/config.ts'
import { locateFfmpeg } from '../ffmpeg/locate.ts'
import { readTls } from '../http/tls.ts'
import { portProblem } from '../net/port.ts'
import { findNginx } from '../nginx/program.ts'
import { capture } from '../process/child.ts'
import { ExitError } from '../process/errors.ts'
import { installCommand, type SystemPackage } from '../system/packages.ts'
import { findChromium } from '../system/requirements.ts'
import { WEBRTC_PORT } from '../webrtc/door.ts'

/** One thing that was looked at. */
interface Finding {
  name: string
  verdict: 'ok' | 'note' | 'missing'
  text: string
  install?: SystemPackage[]
}

const ENCODERS = ['libx264', 'aac']

/**
 * Prints what is on this machine and what to do about the rest; resolves with 0, or 3 where something needed is missing. `file` is the
 * configuration file, which has been read by then.
 */
export async function doctor({ gateway: config, file }: ProgramConfig): Promise<number> {
  const findings = [
    ...(file === null ? [] : [fileFinding(file, config)]),
    nodeFinding(),
    ...(await ffmpegFindings(config)),
    await nginxFinding(config),
    await diskFinding(config),
    ...(config.tls === null
      ? []
      : [await checked('TLS', `${config.tls.cert} and ${config.tls.key}`, readTls(config.tls))]),
    ...(config.s3 === null ? [] : [await checked('S3', `recordings go to ${config.s3.bucket}`, loadSdk())]),
    await chromiumFinding(),
    await portFinding(config.host, config.port, '--port', 'HTTP and WebSocket'),
    await portFinding(config.host, config.rtmpPort, '--rtmp-port', 'RTMP'),
    ...(config.rtmpsPort === null
      ? []
      : [await portFinding(config.host, config.rtmpsPort, '--rtmps-port', 'RTMP over TLS')]),
    ...(config.webrtcPort === 0
      ? []
      : [await portFinding(config.host, config.webrtcPort ?? WEBRTC_PORT, '--webrtc-port', 'WebRTC')]),
    await portFinding(config.host, config.hlsPort, '--hls-port', "nginx's HTTP"),
  ]
  const width = Math.max(...findings.map((finding) => finding.name.length))
  for (const { name, verdict, text, install } of findings) {
    const mark = { ok: 'ok     ', note: 'note   ', missing: 'MISSING' }[verdict]
    process.stdout.write(`${mark}  ${name.padEnd(width)}  ${text}\n`)
    if (install) process.stdout.write(`${' '.repeat(width + 11)}${installCommand(install)}\n`)
  }
  const missing = findings.filter((finding) => finding.verdict === 'missing')
  process.stdout.write(
    missing.length === 0
      ? '\nReady: npm start\n'
      : `\n${missing.map((finding) => finding.name).join(', ')}: see above.\n`,
  )
  return missing.length === 0 ? 0 : 3
}

function fileFinding(file: string, { targets }: Config): Finding {
  const words = targets.length === 1 ? 'one target' : `${targets.length} targets`
  return { name: 'settings', verdict: 'ok', text: `${file}, with ${words}` }
}

function nodeFinding(): Finding {
  return { name: 'Node.js', verdict: 'ok', text: process.version }
}

async function ffmpegFindings(config: Config): Promise<Finding[]> {
  const ffmpeg = await locateFfmpeg(config.ffmpeg)
  if (!ffmpeg) {
    const text = config.ffmpeg ? `"${config.ffmpeg}" does not run` : 'not found'
    return [{ name: 'FFmpeg', verdict: 'missing', text, install: ['ffmpeg'] }]
  }
  const { stdout } = await capture(ffmpeg.path, ['-hide_banner', '-encoders'])
  const lacking = ENCODERS.filter((encoder) => !new RegExp(`^ \\S+ ${encoder} `, 'm').test(stdout))
  const encoders: Finding =
    lacking.length === 0
      ? { name: 'encoders', verdict: 'ok', text: ENCODERS.join(', ') }
      : { name: 'encoders', verdict: 'missing', text: `this FFmpeg lacks ${lacking.join(', ')}`, install: ['ffmpeg'] }
  return [{ name: 'FFmpeg', verdict: 'ok', text: `${ffmpeg.version} (${ffmpeg.path})` }, encoders]
}

async function nginxFinding(config: Config): Promise<Finding> {
  const search = await findNginx(config.nginx)
  const verdict = config.rtmp.kind === 'nginx' ? 'missing' : 'note'
  const instead = verdict === 'note' ? ': the gateway serves all by itself' : ''
  switch (search.kind) {
    case 'found':
      return {
        name: 'nginx',
        verdict: 'ok',
        text: `${search.program.version}, RTMP module ${search.program.rtmpModule ?? 'built in'}`,
      }
    case 'no-nginx':
      return { name: 'nginx', verdict, text: `not found${instead}`, install: ['nginx', 'nginx-rtmp'] }
    case 'no-module':
      return {
        name: 'nginx',
        verdict,
        text: `${search.version} without the RTMP module${instead}`,
        install: ['nginx-rtmp'],
      }
  }
}

/** The data directory, or what is there of the way to it. */
async function diskFinding({ dataDir, diskFloorBytes }: Config): Promise<Finding> {
  let directory = resolve(dataDir)
  while (!(await isThere(directory, constants.F_OK))) directory = dirname(directory)
  const name = 'data'
  if (!(await isThere(directory, constants.W_OK))) {
    return { name, verdict: 'missing', text: `${directory} cannot be written to; choose another with --data-dir` }
  }
  const free = await freeBytes(`${directory}/.`)
  const text = `${dataDir}, ${Math.round(free / 1e9)} GB free`
  if (free > diskFloorBytes) return { name, verdict: 'ok', text }
  return { name, verdict: 'note', text: `${text}: nothing is recorded, since --disk-floor leaves more alone` }
}

const isThere = (path: string, mode: number) =>
  access(path, mode).then(
    () => true,
    () => false,
  )

/** What is ready where `check` resolves, and else says why not. */
async function checked(name: string, text: string, check: Promise<unknown>): Promise<Finding> {
  try {
    await check
    return { name, verdict: 'ok', text }
  } catch (error) {
    if (!(error instanceof ExitError)) throw error
    return { name, verdict: 'missing', text: error.message }
  }
}

async function chromiumFinding(): Promise<Finding> {
  const path = await findChromium()
  if (path) return { name: 'Chromium', verdict: 'ok', text: path }
  return {
    name: 'Chromium',
    verdict: 'note',
    text: 'not found: only the end-to-end tests need it',
    install: ['chromium'],
  }
}

async function portFinding(host: string, port: number, option: string, use: string): Promise<Finding> {
  const name = `port ${port}`
  if ((await portProblem(host, port)) === null) return { name, verdict: 'ok', text: `free, for ${use}` }
  return {
    name,
    verdict: 'note',
    text: `in use; choose another for ${use} with ${option}, or end the program that has it`,
  }
}
