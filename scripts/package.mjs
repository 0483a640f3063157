// Looks at what is published: that others can import it, and that pages which load it stay light. Prints the sizes.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const root = fileURLToPath(new URL('..', import.meta.url))
const client = join(root, 'dist', 'client')
const manifest = JSON.parse(readFileSync(join(client, '.vite', 'manifest.json'), 'utf8'))

/** A package of modules is not for `require`, nor for TypeScript that knows no `exports`. */
const NOT_FOR = ['node10', 'node16-cjs']

/** What a page loads, gzipped, and the most that it may be, in kB. */
const SIZES = [
  { name: "SDK: import 'castgate'", bytes: gzipped([join(root, 'dist', 'sdk', 'castgate.js')]), most: 15 },
  { name: 'broadcast widget, with Lit', bytes: gzipped(loadedBy('embed-broadcast.html')), most: 50 },
  { name: "player's own code", bytes: gzipped([chunkOf('player')]), most: 15 },
  { name: 'castgate.js: both', bytes: gzipped(loadedBy('castgate.ts')), most: 55 },
]

const directory = mkdtempSync(join(tmpdir(), 'castgate-package-'))
try {
  const tarball = pack(directory)
  const problems = [...(await badExports(tarball)), ...(await badTypes(tarball)), ...tooLarge()]
  for (const problem of problems) process.stderr.write(`package: ${problem}\n`)
  process.exitCode = problems.length === 0 ? 0 : 1
} finally {
  rmSync(directory, { recursive: true })
}

function pack(to) {
  const args = ['pack', '--ignore-scripts', '--json', '--loglevel=error', '--pack-destination', to]
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm pack failed: ${stderr}`)
  const [name] = readdirOf(stdout)
  return readFileSync(join(to, name))
}

/** npm tells the packed files as a list, or by package. */
function readdirOf(json) {
  return Object.values(JSON.parse(json)).map(({ filename }) => filename)
}

async function badExports(tarball) {
  const { messages, pkg } = await publint({ pack: { tarball: toArrayBuffer(tarball) }, strict: true })
  return messages.map((message) => formatMessage(message, pkg))
}

async function badTypes(tarball) {
  const { problems } = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)))
  return (problems ?? [])
    .filter(({ resolutionKind }) => !NOT_FOR.includes(resolutionKind))
    .map((problem) => JSON.stringify(problem))
}

function tooLarge() {
  return SIZES.flatMap(({ name, bytes, most }) => {
    process.stdout.write(`${(bytes / 1000).toFixed(1).padStart(6)} of ${most} kB  ${name}\n`)
    return bytes > most * 1000 ? [`${name} has ${bytes} bytes, which is more than ${most} kB.`] : []
  })
}

/** The files that an entry loads at once, without what it loads when it is needed. */
function loadedBy(entry, seen = new Set()) {
  const { file, imports = [] } = manifest[entry]
  seen.add(join(client, file))
  for (const other of imports) loadedBy(other, seen)
  return [...seen]
}

function chunkOf(name) {
  const chunk = Object.values(manifest).find((candidate) => candidate.name === name)
  return join(client, chunk.file)
}

function gzipped(files) {
  return files.reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length, 0)
}

function toArrayBuffer(bytes) {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
}
