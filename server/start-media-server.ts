import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config/config.ts'
import { findNginx } from './nginx/program.ts'
import { startNginx } from './nginx/server.ts'
import { MissingError } from './process/errors.ts'
import { installCommand } from './system/packages.ts'
import { externalMediaServer, type MediaServer, noMediaServer } from './targets/media-server.ts'

/**
 * Starts the RTMP server that the configuration says to push to. `auto` takes nginx where it is there with its RTMP module, else none.
 * @throws MissingError where nginx, its module or a port is missing
 */
export async function startMediaServer(config: Config, hlsDirectory: string, log: Logger): Promise<MediaServer> {
  const { host, hlsPort, rtmp, private: isPrivate, origins } = config
  if (rtmp.kind === 'external') return externalMediaServer(rtmp.url)
  if (rtmp.kind === 'embedded') return noMediaServer()
  const search = await findNginx(config.nginx)
  if (search.kind !== 'found') {
    if (rtmp.kind === 'auto') return noMediaServer()
    throw missing(search.kind, config.nginx)
  }
  const directory = join(config.dataDir, 'nginx')
  return startNginx({ program: search.program, host, hlsPort, directory, hlsDirectory, isPrivate, origins, log })
}

function missing(kind: 'no-nginx' | 'no-module', path: string): MissingError {
  const how = `Install it with: ${installCommand(['nginx', 'nginx-rtmp'])}. Or do without: --rtmp embedded.`
  return kind === 'no-nginx'
    ? new MissingError('nginx_missing', `nginx is missing: "${path}" does not run. ${how}`)
    : new MissingError('nginx_rtmp_missing', `The RTMP module of nginx is missing (ngx_rtmp_module.so). ${how}`)
}
