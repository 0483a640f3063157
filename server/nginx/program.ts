import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { capture } from '../process/child.ts'

/** An nginx with the RTMP module. */
export interface NginxProgram {
  path: string
  version: string
  /** The module to load; null where it is built in, as in OpenResty builds that have it. */
  rtmpModule: string | null
  /** Whether it can replace texts in what it sends (ngx_http_sub_module). */
  hasSubFilter: boolean
}

/** What was found in place of it. */
export type NginxSearch =
  | { kind: 'found'; program: NginxProgram }
  | { kind: 'no-nginx' }
  | { kind: 'no-module'; version: string }

const MODULE = 'ngx_rtmp_module.so'
/** Where distributions keep dynamic modules. */
const MODULE_DIRECTORIES = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/usr/share/nginx/modules']

/** Looks for the nginx at `path` (a file, or a name on the PATH) and for its RTMP module, in its own directory and in `usual` ones. */
export async function findNginx(path: string, usual = MODULE_DIRECTORIES): Promise<NginxSearch> {
  const { exit, stderr } = await capture(path, ['-V'])
  if (exit.kind !== 'exited' || exit.code !== 0) return { kind: 'no-nginx' }
  const version = /version: \S*?\/(\S+)/.exec(stderr)?.[1] ?? 'unknown'
  const hasSubFilter = /--with-http_sub_module/.test(stderr)
  if (/--add-module=\S*rtmp/.test(stderr))
    return { kind: 'found', program: { path, version, rtmpModule: null, hasSubFilter } }
  const configured = /--modules-path=(\S+)/.exec(stderr)?.[1]
  const prefix = /--prefix=(\S+)/.exec(stderr)?.[1]
  const directories = [...(configured ? [configured] : []), ...(prefix ? [join(prefix, 'modules')] : []), ...usual]
  const rtmpModule = directories.map((directory) => join(directory, MODULE)).find((file) => existsSync(file))
  return rtmpModule
    ? { kind: 'found', program: { path, version, rtmpModule, hasSubFilter } }
    : { kind: 'no-module', version }
}
