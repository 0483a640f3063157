import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { UsageError } from '../process/errors.ts'
import { nearest } from './nearest.ts'
import { flagValue } from './values.ts'

/** Variables of the environment with secrets, which are no options of the command line. */
const SECRETS = ['CASTGATE_SECRET', 'CASTGATE_ADMIN_KEY', 'CASTGATE_TOKEN'] as const

/** The environment, for what names variables of its own: a configuration file. */
export const environment: Readonly<Record<string, string | undefined>> = process.env

/** An option without a value. Its variable is not commander's, which would take CASTGATE_PRIVATE=0 for a yes: see {@link flagFromEnvironment}. */
export class Flag extends Option {
  readonly variable: string

  constructor(flags: string, description: string, name: string) {
    super(flags, `${description} (CASTGATE_${name}=1)`)
    this.variable = `CASTGATE_${name}`
  }
}

/** The variable that stands for an option; null for one that has none. */
export function variableOf(option: Option): string | null {
  return option.envVar ?? (option instanceof Flag ? option.variable : null)
}

/** Whether the environment has a value for an option. An empty one says nothing of a flag. */
export function isInEnvironment(option: Option): boolean {
  const variable = variableOf(option)
  const text = variable === null ? undefined : process.env[variable]
  return text !== undefined && (text !== '' || option.required)
}

/**
 * Whether the variable `CASTGATE_NAME` turns a flag on; null where it is not set, or empty.
 * @throws UsageError for a value that is neither a yes nor a no
 */
export function flagFromEnvironment(name: string): boolean | null {
  const variable = `CASTGATE_${name}`
  const text = process.env[variable]
  if (text === undefined || text === '') return null
  try {
    return flagValue(text)
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw new UsageError(`${variable} cannot be "${text}". ${error.message}`)
  }
}

/**
 * Looks for variables that begin with `CASTGATE_` and are none of ours: one that is misspelt would leave a gateway open or streams public
 * without a word. `others` are those that a configuration file names.
 * @throws UsageError with the nearest variable that exists
 */
export function requireKnownVariables(commands: readonly Command[], others: readonly string[]): void {
  const options = commands.flatMap((command) => command.options.flatMap((option) => variableOf(option) ?? []))
  const known = new Set<string>([...options, ...SECRETS])
  for (const variable of Object.keys(process.env)) {
    if (!variable.startsWith('CASTGATE_') || known.has(variable) || others.includes(variable)) continue
    const hint = nearest(variable, [...known])
    throw new UsageError(`There is no variable ${variable}.${hint === null ? '' : ` Did you mean ${hint}?`} Unset it.`)
  }
}

/** Removes secrets that were read from the environment, which FFmpeg and every other child process would inherit. */
export function forgetSecrets(others: readonly string[] = []): void {
  for (const variable of [...SECRETS, ...others]) delete process.env[variable]
}

/**
 * A key: that of `file`, which a flag or the configuration file names, else that of `variable`; null if neither is set. `variableWins`:
 * `file` comes from the configuration file, so the environment goes first.
 * @throws UsageError where the file has no key
 */
export function keyFrom(
  variable: (typeof SECRETS)[number],
  file: string | undefined,
  variableWins = false,
): string | null {
  const own = process.env[variable] ?? null
  return file === undefined || (variableWins && own) ? own : keyIn(file)
}

/**
 * The key that a file has.
 * @throws UsageError where it has none
 */
export function keyIn(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch {
    throw new UsageError(`The file "${file}" cannot be read.`)
  }
  if (text === '') throw new UsageError(`The file "${file}" is empty.`)
  return text
}
