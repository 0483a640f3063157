import { closestMatch } from 'leven'

/** Edits by which a name may differ from what was meant. */
const MAX_EDITS = 4

/** The name in `names` that someone who wrote `name` may have meant; null if none is near. */
export function nearest(name: string, names: readonly string[]): string | null {
  const near = closestMatch(name, names, { maxDistance: Math.min(MAX_EDITS, Math.ceil(name.length / 3)) })
  return near ?? names.find((each) => each.startsWith(name) || name.startsWith(each)) ?? null
}
