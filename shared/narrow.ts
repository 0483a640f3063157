/** An object of unknown fields: what JSON gives before it is checked. */
export type Fields = Record<string, unknown>

/** Whether `value` is an object that is neither null nor an array. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The fields of a JSON object, or null where `text` is anything else. */
export function parseFields(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text)
    return isFields(value) ? value : null
  } catch {
    return null
  }
}

/** Whether `value` is a finite number of at least `least`. */
export function isNumberFrom(least: number, value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= least
}
