#!/usr/bin/env node
// The command line: makes a checkout ready, then runs the program that was built.
import { prepare } from './prepare.mjs'

// Node opens its inspector at SIGUSR1 and ends at the others. For a gateway SIGHUP means to read its certificate again (server/cli/serve.ts).
const ignored = process.argv[2] === 'serve' ? ['SIGUSR1', 'SIGUSR2', 'SIGHUP'] : ['SIGUSR1', 'SIGUSR2']
for (const signal of ignored) process.on(signal, () => {})

try {
  prepare()
} catch (error) {
  process.stderr.write(`castgate: ${error.message}\n`)
  process.exit(error.exitCode ?? 1)
}
const { main } = await import('../dist/server/cli/main.js')
process.exit(await main(process.argv.slice(2)))
