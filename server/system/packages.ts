import { existsSync } from 'node:fs'

/** Something from the system that Castgate uses. */
export type SystemPackage =
  | 'ffmpeg'
  | 'nginx'
  | 'nginx-rtmp'
  | 'chromium'
  | 'firefox'
  | 'vlc'
  | 'vlc-plugins'
  | 'mpv'
  | 'rtmpdump'
  | 'prometheus'
  | 'systemd'

const APT: Record<SystemPackage, string> = {
  ffmpeg: 'ffmpeg',
  nginx: 'nginx',
  'nginx-rtmp': 'libnginx-mod-rtmp',
  chromium: 'chromium',
  firefox: 'firefox-esr',
  vlc: 'vlc-bin',
  'vlc-plugins': 'vlc-plugin-base',
  mpv: 'mpv',
  rtmpdump: 'rtmpdump',
  prometheus: 'prometheus',
  systemd: 'systemd',
}

/** Homebrew's own nginx has no RTMP module; the tap denji/nginx builds one with it. */
const BREW: Record<SystemPackage, string> = {
  ffmpeg: 'ffmpeg',
  nginx: 'denji/nginx/nginx-full --with-rtmp-module',
  'nginx-rtmp': '',
  chromium: '--cask chromium',
  firefox: '--cask firefox',
  vlc: '--cask vlc',
  'vlc-plugins': '',
  mpv: 'mpv',
  rtmpdump: 'rtmpdump',
  prometheus: 'prometheus',
  systemd: '',
}

/** Debian's names of packages. */
export function aptNames(packages: SystemPackage[]): string[] {
  return packages.map((name) => APT[name])
}

/** Whether packages are installed with apt here. */
export function hasApt(): boolean {
  return existsSync('/usr/bin/apt-get')
}

/** The command that a person types to install `packages`. */
export function installCommand(packages: SystemPackage[], platform: NodeJS.Platform = process.platform): string {
  if (platform === 'darwin') {
    const commands = packages.filter((name) => BREW[name] !== '').map((name) => `brew install ${BREW[name]}`)
    if (packages.some((name) => name.startsWith('nginx'))) commands.unshift('brew tap denji/nginx')
    return commands.join(' && ')
  }
  const sudo = process.getuid?.() === 0 ? '' : 'sudo '
  return `${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends ${aptNames(packages).join(' ')}`
}
