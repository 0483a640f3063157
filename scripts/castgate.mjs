#!/usr/bin/env node
// The command line: makes a checkout ready, then runs the program that was built.
import { prepare } from './prepare.mjs'

try {
  prepare()
} catch (error) {
  process.stderr.write(`castgate: ${error.message}\n`)
  process.exit(error.exitCode ?? 1)
}
const { main } = await import('../dist/server/main.js')
process.exit(await main(process.argv.slice(2)))
