import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { Ajv, type ErrorObject } from 'ajv'
import type { Command, Option } from 'commander'
import type { Static, TSchema } from 'typebox'
import { type Document, isCollection, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import { UsageError } from '../process/errors.ts'
import { nearest } from './nearest.ts'
import { optionValue } from './option-value.ts'
import { type ConfigSections, SECTIONS } from './sections.ts'

/** Keys that must not stand in the file, and what to use instead. */
const SECRETS = new Map([
  ['secret', 'Use "secret-file", or CASTGATE_SECRET.'],
  ['admin-key', 'Use "admin-key-file", or CASTGATE_ADMIN_KEY.'],
])

/**
 * Reads a configuration file: options of `command` under their long names, and the sections above. What was given on the command line or
 * in the environment stays.
 * @throws UsageError with the file and the line of what is wrong
 */
export function applyConfigFile(
  path: string,
  command: Command,
  isInEnvironment: (option: Option) => boolean,
): ConfigSections {
  const { document, placeOf, fail } = readDocument(path)
  const sections: ConfigSections = { targets: [], webhooks: [], s3: null, placeOf }
  const { contents } = document
  if (contents === null) return sections
  if (!isMap(contents)) throw fail([], 'the file must be a list of "name: value".')
  for (const [name, value] of Object.entries(plainValues(document, fail))) {
    const at = [name]
    const instead = SECRETS.get(name)
    if (instead !== undefined) throw fail(at, `"${name}" does not belong into a file that others may read. ${instead}`)
    const failIn = (error: ErrorObject) => fail([name, ...pathOf(error)], inWords(error, name))
    if (name === 'targets') {
      sections.targets = checked(SECTIONS.targets, value, failIn)
      continue
    }
    if (name === 'webhooks') {
      sections.webhooks = checked(SECTIONS.webhooks, value, failIn)
      continue
    }
    if (name === 's3') {
      sections.s3 = checked(SECTIONS.s3, value, failIn)
      continue
    }
    const option = command.options.find(({ long }) => long === `--${name}` && name !== 'config')
    if (!option) throw fail(at, `there is no option "${name}".${hintFor(name, command)}`)
    const isGiven = command.getOptionValueSource(option.attributeName()) === 'cli' || isInEnvironment(option)
    const parsed = optionValue(option, value, (message) => fail(at, `"${name}" ${message}`))
    if (!isGiven) command.setOptionValueWithSource(option.attributeName(), parsed, 'config')
  }
  return sections
}

/** @throws UsageError for an alias that leads nowhere, or to too much */
function plainValues(document: Document, fail: ReadDocument['fail']): object {
  try {
    return document.toJS() as object
  } catch (error) {
    throw fail([], error instanceof Error ? error.message : String(error))
  }
}

interface ReadDocument {
  document: Document
  placeOf: ConfigSections['placeOf']
  fail(path: (string | number)[], message: string): UsageError
}

function readDocument(path: string): ReadDocument {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    throw new UsageError(`The configuration file "${path}" cannot be read.`)
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [broken] = document.errors
  if (broken) throw new UsageError(`${place(broken.pos[0])}: ${broken.message}.`)
  return { document, placeOf, fail: (at, message) => new UsageError(`${placeOf(at)}: ${message}`) }

  function place(offset: number): string {
    return `${basename(path)}:${lines.linePos(offset).line}`
  }

  /** Where a pair begins: its key. What is missing is where it should be. */
  function placeOf(at: (string | number)[]): string {
    for (let length = at.length; length > 0; length--) {
      const parent: unknown = length === 1 ? document.contents : document.getIn(at.slice(0, length - 1), true)
      const last = at[length - 1]
      const pair = isMap(parent) && parent.items.find(({ key }) => isScalar(key) && key.value === last)
      const node: unknown = pair ? pair.key : isCollection(parent) ? parent.get(last, true) : null
      if (isNode(node) && node.range) return place(node.range[0])
    }
    return `${basename(path)}:1`
  }
}

function checked<T extends TSchema>(schema: T, value: unknown, fail: (error: ErrorObject) => Error): Static<T> {
  const validate = new Ajv().compile(schema)
  if (validate(value)) return value as Static<T>
  throw fail(validate.errors?.[0] as ErrorObject)
}

function pathOf({ instancePath, keyword, params }: ErrorObject): (string | number)[] {
  const path = instancePath.split('/').slice(1)
  const extra = keyword === 'additionalProperties' ? [String(params.additionalProperty)] : []
  return [...path, ...extra].map((part) => (/^\d+$/.test(part) ? Number(part) : part))
}

function inWords({ keyword, params, message, instancePath }: ErrorObject, section: string): string {
  const name = instancePath.split('/').at(-1) || section
  if (keyword === 'additionalProperties') return `there is no "${params.additionalProperty}" here.`
  if (keyword === 'enum') return `"${name}" is one of ${(params.allowedValues as string[]).join(', ')}.`
  return `"${name}" ${message}.`
}

/** The option whose name is like `name`, for someone who mistyped it. */
function hintFor(name: string, command: Command): string {
  const names = command.options.flatMap(({ long }) => long?.slice(2) ?? []).filter((each) => each !== 'config')
  const hint = nearest(name, names)
  return hint === null ? '' : ` Did you mean "${hint}"?`
}
