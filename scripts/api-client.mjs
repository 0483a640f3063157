// Makes the typed client of the API from the document that describes it: node scripts/api-client.mjs
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const bin = (name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url))

/** Where the client is. */
export const CLIENT_FILE = fileURLToPath(new URL('../client/api/gateway-api.ts', import.meta.url))

/**
 * The source of the client for an OpenAPI document, as oazapfts and Biome write it.
 * @param {object} document
 */
export function clientSource(document) {
  const directory = mkdtempSync(join(tmpdir(), 'castgate-api-'))
  try {
    const [from, to] = [join(directory, 'openapi.json'), join(directory, 'client.ts')]
    writeFileSync(from, JSON.stringify(document))
    run('oazapfts', [from, to])
    // Its own code is not written for `exactOptionalPropertyTypes`; the types that it gives are.
    const source = `// @ts-nocheck\n${readFileSync(to, 'utf8')}`
    return run('biome', ['format', '--stdin-file-path=client.ts'], source)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Runs a program of the package to its end, and gives what it printed. */
function run(name, args, input = '') {
  const { status, stdout, stderr } = spawnSync(bin(name), args, { encoding: 'utf8', input })
  if (status !== 0) throw new Error(`${name} failed: ${stderr}`)
  return stdout
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { prepare } = await import('./prepare.mjs')
  prepare()
  const { apiDocument } = await import('../dist/server/api/document.js')
  writeFileSync(CLIENT_FILE, clientSource(await apiDocument()))
}
