import { expect, it } from 'vitest'
import { installCommand } from './packages.ts'

it('names the command that installs what is missing, for Debian and for macOS', () => {
  expect(installCommand(['ffmpeg', 'nginx', 'nginx-rtmp'], 'linux')).toMatch(
    /^(sudo )?apt-get update && (sudo )?apt-get install -y --no-install-recommends ffmpeg nginx libnginx-mod-rtmp$/,
  )
  expect(installCommand(['ffmpeg'], 'darwin')).toBe('brew install ffmpeg')
  expect(installCommand(['nginx', 'nginx-rtmp'], 'darwin')).toBe(
    'brew tap denji/nginx && brew install denji/nginx/nginx-full --with-rtmp-module',
  )
})
