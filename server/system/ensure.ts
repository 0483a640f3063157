import { startChild } from '../process/child.ts'
import { MissingError } from '../process/errors.ts'
import { aptNames, hasApt, installCommand, type SystemPackage } from './packages.ts'

/** Something that must be there. */
export interface Requirement {
  /** What people call it. */
  name: string
  packages: SystemPackage[]
  isThere(): Promise<boolean>
}

/**
 * Makes sure that `requirements` are there. What is missing is installed with apt where `mayInstall` and the user is root, after
 * one line on standard error that says so.
 * @throws MissingError with the command that installs what is missing
 */
export async function ensure(requirements: Requirement[], mayInstall: boolean): Promise<void> {
  const missing = await missingOf(requirements)
  if (missing.length === 0) return
  const packages = missing.flatMap((requirement) => requirement.packages)
  const root = process.getuid?.() === 0
  if (mayInstall && root && hasApt()) {
    process.stderr.write(
      `castgate: installing ${names(missing)} with apt (${aptNames(packages).join(', ')}); --no-install prevents this\n`,
    )
    await apt(['update'])
    await apt(['install', '-y', '--no-install-recommends', ...aptNames(packages)])
    if ((await missingOf(missing)).length === 0) return
  }
  throw new MissingError(
    'missing',
    `${names(missing)} ${missing.length === 1 ? 'is' : 'are'} missing. Install with: ${installCommand(packages)}`,
  )
}

async function missingOf(requirements: Requirement[]): Promise<Requirement[]> {
  const there = await Promise.all(requirements.map((requirement) => requirement.isThere()))
  return requirements.filter((_, index) => !there[index])
}

/** Runs apt-get without questions. What it prints goes to standard error, so that standard output stays for results. */
async function apt(args: string[]): Promise<void> {
  const quiet = ['DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', '-o', 'Dpkg::Use-Pty=0']
  const child = startChild('env', [...quiet, ...args], { stdio: ['ignore', 2, 2] })
  const exit = await child.exited
  if (exit.kind === 'exited' && exit.code === 0) return
  process.stderr.write(`castgate: apt-get ${args[0]} failed\n`)
}

function names(requirements: Requirement[]): string {
  return requirements.map((requirement) => requirement.name).join(', ')
}
