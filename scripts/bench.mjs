// Runs a benchmark: `npm run bench -- NAME`. Benchmarks print figures; they never fail on a time.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepare } from './prepare.mjs'

const directory = fileURLToPath(new URL('../bench', import.meta.url))
const names = readdirSync(directory).flatMap((file) => (file.endsWith('.ts') ? [file.slice(0, -3)] : []))
const [name] = process.argv.slice(2)
if (!names.includes(name)) {
  process.stderr.write(`usage: npm run bench -- NAME, where NAME is one of: ${names.join(', ')}\n`)
  process.exit(2)
}
prepare()
// Vite runs TypeScript as it is.
const { runnerImport } = await import('vite')
const { module } = await runnerImport(join(directory, `${name}.ts`))
await module.run()
process.exit(0)
