import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { freePort, temporaryDirectory } from './resources.ts'
import { until } from './wait.ts'

/** An nginx that takes RTMP as a platform does, at `rtmp://127.0.0.1:PORT/live`, and writes what it gets. */
export interface RtmpSink {
  port: number
  /** What was published with the stream key `key`, as FLV; null for nothing. */
  published(key: string): Promise<Buffer | null>
  close(): Promise<void>
}

const MODULE = '/usr/lib/nginx/modules/ngx_rtmp_module.so'

export async function startRtmpSink(): Promise<RtmpSink> {
  const directory = await temporaryDirectory()
  const port = await freePort()
  const configuration = `load_module ${MODULE}; ${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; worker_processes 1;
    pid ${directory.path}/pid; error_log stderr crit; events { worker_connections 256; }
    rtmp { server { listen 127.0.0.1:${port}; application live { live on; record all; record_path ${directory.path}; } } }`
  await writeFile(`${directory.path}/nginx.conf`, configuration)
  const nginx = spawn('nginx', ['-p', directory.path, '-c', `${directory.path}/nginx.conf`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = once(nginx, 'close')
  await until('nginx listens', () => isListening(port))
  return {
    port,
    async published(key) {
      const path = `${directory.path}/${key}.flv`
      return (await access(path).then(
        () => true,
        () => false,
      ))
        ? readFile(path)
        : null
    },
    async close() {
      nginx.kill('SIGTERM')
      await exited
      await directory.remove()
    },
  }
}

/** Whether something takes connections at `port`. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
    socket.end()
  })
}
