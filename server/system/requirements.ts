import { existsSync } from 'node:fs'
import { mayInstall } from '../config/command-line.ts'
import { type Ffmpeg, locateFfmpeg } from '../ffmpeg/locate.ts'
import { findNginx } from '../nginx/program.ts'
import { capture } from '../process/child.ts'
import { ensure, type Requirement } from './ensure.ts'

const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const CHROMIUM_ON_MACOS = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** FFmpeg, which everything needs. `configured` is the one that the configuration names. */
function ffmpegRequirement(configured: string | null): Requirement {
  return { name: 'FFmpeg', packages: ['ffmpeg'], isThere: async () => (await locateFfmpeg(configured)) !== null }
}

/** nginx with its RTMP module. */
function nginxRequirement(path: string): Requirement {
  return {
    name: 'nginx with its RTMP module',
    packages: ['nginx', 'nginx-rtmp'],
    isThere: async () => (await findNginx(path)).kind === 'found',
  }
}

/** A Chromium for the end-to-end tests. */
function chromiumRequirement(): Requirement {
  return { name: 'Chromium', packages: ['chromium'], isThere: async () => (await findChromium()) !== null }
}

/** Players of others, which the end-to-end tests watch with. */
const PLAYERS: Requirement[] = [
  { name: 'Firefox', packages: ['firefox'], isThere: async () => (await findFirefox()) !== null },
  { name: 'VLC', packages: ['vlc', 'vlc-plugins'], isThere: () => isOnPath('cvlc') },
  { name: 'mpv', packages: ['mpv'], isThere: () => isOnPath('mpv') },
  { name: 'rtmpdump', packages: ['rtmpdump'], isThere: () => isOnPath('rtmpdump') },
]

/** What the files in `docs/ops` are for: the tests check those with it. */
const OPERATIONS: Requirement[] = [
  { name: 'Prometheus', packages: ['prometheus'], isThere: () => isOnPath('promtool') },
  { name: 'systemd-analyze', packages: ['systemd'], isThere: () => isOnPath('systemd-analyze') },
]

/** Path of the system's Firefox, or null. */
export async function findFirefox(): Promise<string | null> {
  for (const name of ['firefox-esr', 'firefox']) {
    const path = await pathOf(name)
    if (path !== null) return path
  }
  return null
}

async function isOnPath(name: string): Promise<boolean> {
  return (await pathOf(name)) !== null
}

async function pathOf(name: string): Promise<string | null> {
  const { stdout } = await capture('which', [name])
  return stdout.trim() || null
}

/** Path of the system's Chromium, or null. */
export async function findChromium(): Promise<string | null> {
  for (const path of CHROMIUM_ON_MACOS) if (existsSync(path)) return path
  for (const name of CHROMIUM_NAMES) {
    const path = await pathOf(name)
    if (path !== null) return path
  }
  return null
}

/**
 * The FFmpeg to use, installed first where that is possible and allowed.
 * @throws MissingError where there is none
 */
export async function requireFfmpeg(configured: string | null, mayInstall: boolean): Promise<Ffmpeg> {
  const there = await locateFfmpeg(configured)
  if (there) return there
  // Another FFmpeg than the configured one would be a surprise.
  await ensure([ffmpegRequirement(configured)], mayInstall && configured === null)
  const installed = await locateFfmpeg(configured)
  if (installed) return installed
  throw new Error('FFmpeg was there a moment ago.')
}

/**
 * Makes sure that what the tests need is there: FFmpeg, nginx with its RTMP module, browsers, players and what operators use. `args` are those of `npm test`.
 * @throws MissingError with the command that installs what is missing
 */
export async function ensureTestPrograms(args: string[]): Promise<void> {
  const requirements = [
    ffmpegRequirement(null),
    nginxRequirement('nginx'),
    chromiumRequirement(),
    ...PLAYERS,
    ...OPERATIONS,
  ]
  await ensure(requirements, mayInstall({ install: !args.includes('--no-install') }))
}
