// All checks and all tests, after their own set-up. The last line counts them: "N passed, N failed".
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepare } from './prepare.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Ends with what a person can do. */
function fail(error) {
  process.stderr.write(`castgate: ${error.message}\n`)
  process.exit(error.exitCode ?? 1)
}

try {
  prepare()
  const { ensureTestPrograms } = await import('../dist/server/system/requirements.js')
  await ensureTestPrograms(process.argv.slice(2))
} catch (error) {
  fail(error)
}

const check = spawnSync('npm', ['run', '--silent', 'check'], { cwd: root, stdio: 'inherit' })
const checked = check.status === 0
const directory = mkdtempSync(join(tmpdir(), 'castgate-tests-'))
let passed = checked ? 1 : 0
let failed = checked ? 0 : 1
try {
  const report = join(directory, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile=${report}`]
  const vitest = spawnSync(join(root, 'node_modules', '.bin', 'vitest'), ['run', ...reporters], {
    cwd: root,
    stdio: 'inherit',
  })
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'))
  passed += numPassedTests
  // A file that cannot be loaded, or a hook that fails, fails no single test.
  const brokenFiles = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  )
  failed += numFailedTests + brokenFiles.length
  if (vitest.status !== 0 && failed === 0) failed = 1
} catch (error) {
  process.stderr.write(`castgate: the tests did not run to their end: ${error.message}\n`)
  failed += 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
