import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config/config.ts'
import { findNginx, type NginxProgram } from './nginx/program.ts'
import { startNginx } from './nginx/server.ts'
import { MissingError } from './process/errors.ts'
import { startEmbedded } from './rtmp-server/embedded/server.ts'
import { externalRtmpServer } from './rtmp-server/external.ts'
import type { PublishHandlers, RtmpServer } from './rtmp-server/rtmp-server.ts'
import { installCommand } from './system/packages.ts'

/**
 * Starts the RTMP server that the configuration asks for. `auto` takes nginx where it is there with its RTMP module, else the
 * embedded server.
 * @throws MissingError where nginx, its module or a port is missing
 */
export async function startRtmpServer(
  config: Config,
  hlsDirectory: string,
  log: Logger,
  handlers: PublishHandlers,
): Promise<RtmpServer> {
  const { host, rtmpPort, hlsPort, rtmp, private: isPrivate } = config
  if (rtmp.kind === 'external') return externalRtmpServer(rtmp.url)
  const embedded = () =>
    startEmbedded({ host, rtmpPort, directory: join(config.dataDir, 'rtmp'), isPrivate, log }, handlers)
  if (rtmp.kind === 'embedded') return embedded()
  const search = await findNginx(config.nginx)
  if (search.kind !== 'found') {
    if (rtmp.kind === 'auto') return embedded()
    throw missing(search.kind, config.nginx)
  }
  return nginxWith(search.program)

  function nginxWith(program: NginxProgram): Promise<RtmpServer> {
    const directory = join(config.dataDir, 'nginx')
    const { origins } = config
    return startNginx({ program, host, rtmpPort, hlsPort, directory, hlsDirectory, isPrivate, origins, log }, handlers)
  }
}

function missing(kind: 'no-nginx' | 'no-module', path: string): MissingError {
  const how = `Install it with: ${installCommand(['nginx', 'nginx-rtmp'])}. Or take the embedded RTMP server: --rtmp embedded.`
  return kind === 'no-nginx'
    ? new MissingError('nginx_missing', `nginx is missing: "${path}" does not run. ${how}`)
    : new MissingError('nginx_rtmp_missing', `The RTMP module of nginx is missing (ngx_rtmp_module.so). ${how}`)
}
