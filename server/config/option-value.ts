import { InvalidArgumentError, type Option } from 'commander'
import { flagValue } from './values.ts'

/**
 * The value of an option where it is not a text of the command line: in a configuration file. It is read as its text would be.
 * @throws what `fail` makes of a sentence that follows the name of the option
 */
export function optionValue(option: Option, value: unknown, fail: (message: string) => Error): unknown {
  if (!option.required && !option.optional) {
    const isOn = flagOf(value)
    if (isOn === null) throw fail('must be true or false.')
    return option.negate ? !isOn : isOn
  }
  if (Array.isArray(value) && value.length === 0 && option.variadic) return []
  const texts = Array.isArray(value) ? value : isLimits(value) ? [limitsText(value)] : [value]
  if (texts.length !== 1 && !option.variadic) throw fail('takes one value.')
  let parsed: unknown = option.defaultValue
  for (const text of texts) {
    // A number is a text that someone forgot to quote only where a reader looks at it.
    if (typeof text !== 'string' && !(typeof text === 'number' && option.parseArg)) {
      throw fail(`must be a text${option.parseArg ? ' or a number' : ''}.`)
    }
    try {
      parsed = option.parseArg ? option.parseArg(String(text), parsed as string) : text
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error
      throw fail(`cannot be ${JSON.stringify(text)}. ${error.message}`)
    }
  }
  return parsed
}

function flagOf(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string' && typeof value !== 'number') return null
  try {
    return flagValue(String(value))
  } catch (error) {
    if (error instanceof InvalidArgumentError) return null
    throw error
  }
}

/** Limits may be written as a map: `sockets: 100`. */
function isLimits(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function limitsText(value: object): string {
  return Object.entries(value)
    .map(([name, limit]) => `${name}=${limit}`)
    .join(',')
}
