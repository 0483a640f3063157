import { isStreamName, STREAM_NAME_RULE } from '../../shared/stream-name.ts'

/**
 * Readers of what a page or an address says: each returns a value that can be used, and warns once of one that cannot. What is absent, as
 * null, undefined or a removed attribute, has the default without a word. Read again, what they return stays as it is.
 */
export class AttributeReader {
  readonly #owner: string

  /** `owner`: what the warnings name, such as `<castgate-player>`. */
  constructor(owner: string) {
    this.#owner = owner
  }

  /** Any text. Its value is not repeated: it may be a token. */
  text(name: string, value: unknown): string {
    if (value === null || value === undefined || typeof value === 'string') return value ?? ''
    return this.#refuse(name, `a ${typeof value}`, 'It is a text.', '')
  }

  /** One of `allowed`. */
  choice<T extends string>(name: string, value: unknown, allowed: readonly T[], fallback: T): T {
    if (value === null || value === undefined) return fallback
    const found = allowed.find((each) => each === value)
    return found ?? this.#refuse(name, shown(value), `It is one of ${allowed.join(', ')}.`, fallback)
  }

  /** A stream name; '' for none. */
  streamName(name: string, value: unknown): string {
    if (value === null || value === undefined || value === '') return ''
    return isStreamName(value) ? value : this.#refuse(name, shown(value), `It has ${STREAM_NAME_RULE}.`, '')
  }

  /** A yes or a no; `fallback` where it is absent. An attribute without a value, and the empty value of a query, is a yes. */
  flag(name: string, value: unknown, fallback = false): boolean {
    if (value === null || value === undefined) return fallback
    if (typeof value === 'boolean') return value
    const word = typeof value === 'string' ? value.toLowerCase() : null
    if (word !== null && ['', '1', 'true', 'yes', 'on'].includes(word)) return true
    if (word !== null && ['0', 'false', 'no', 'off'].includes(word)) return false
    return this.#refuse(name, shown(value), 'It is true or false.', fallback)
  }

  /** The base of a gateway, without a slash at its end; '' for none. A path, such as `/live`, is one of this page's own site. */
  gateway(name: string, value: unknown): string {
    if (value === null || value === undefined || value === '') return ''
    if (typeof value === 'string' && /^(https?:\/\/|\/)/i.test(value) && URL.canParse(value, document.baseURI)) {
      const { origin, pathname } = new URL(value, document.baseURI)
      return (origin + pathname).replace(/\/+$/, '')
    }
    return this.#refuse(name, shown(value), 'It is an address that begins with https:// or http://.', '')
  }

  /** A text that `isGood` takes; '' for none. */
  textWhere(name: string, value: unknown, isGood: (text: string) => boolean, right: string): string {
    const text = this.text(name, value)
    return text === '' || isGood(text) ? text : this.#refuse(name, shown(text), right, '')
  }

  /** Those of a list of words that are `allowed`. */
  words(name: string, value: unknown, allowed: readonly string[]): string {
    const words = this.text(name, value)
      .split(/[\s,]+/)
      .filter(Boolean)
    const good = words.filter((word) => allowed.includes(word))
    if (good.length < words.length) {
      this.#refuse(name, shown(value), `It is a list of ${allowed.join(', ')}.`, '')
    }
    return good.join(' ')
  }

  #refuse<T>(name: string, value: string, right: string, fallback: T): T {
    console.warn(`${this.#owner}: "${name}" cannot be ${value}. ${right}`)
    return fallback
  }
}

/** A value as a person would write it, and not too much of it. */
function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : `a ${typeof value}`
}
