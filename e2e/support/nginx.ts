import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from './resources.ts'

/** An nginx that runs a configuration of `docs/`. */
export interface DocumentedNginx {
  /** A file of its own directory; '' where there is none yet. */
  read(file: string): Promise<string>
  close(): Promise<void>
}

/**
 * Runs nginx with `docs/FILE` in its http block, in which texts are replaced by what fits the test. `prepare` writes what it needs into
 * its directory.
 */
export async function startDocumentedNginx(
  file: string,
  replace: (directory: string) => Record<string, string>,
  prepare: (directory: string) => Promise<void> = async () => {},
): Promise<DocumentedNginx> {
  const directory = await temporaryDirectory()
  await prepare(directory.path)
  let configuration = await readFile(fileURLToPath(new URL(`../../docs/${file}`, import.meta.url)), 'utf8')
  for (const [from, to] of Object.entries(replace(directory.path))) {
    if (!configuration.includes(from)) throw new Error(`docs/${file} does not have "${from}".`)
    configuration = configuration.replaceAll(from, to)
  }
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory.path}/${name};`,
  )
  const main = `${user} daemon off; pid ${directory.path}/pid; error_log stderr; events { worker_connections 1024; }
    http { access_log off; ${paths.join(' ')} ${configuration} }`
  await writeFile(`${directory.path}/nginx.conf`, main)
  const nginx = spawn('nginx', ['-p', directory.path, '-c', `${directory.path}/nginx.conf`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = once(nginx, 'close')
  return {
    read: (name) => readFile(`${directory.path}/${name}`, 'utf8').catch(() => ''),
    async close() {
      nginx.kill('SIGTERM')
      await exited
      await directory.remove()
    },
  }
}
