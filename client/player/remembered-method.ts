import { METHODS, type Method } from './method.ts'

/** A network may be another one after an hour. */
const REMEMBERED_MS = 3_600_000

const key = (server: string) => `castgate-method ${server}`

/** The method that played from `server` within the last hour, where the network held back a better one; else null. */
export function rememberedMethod(server: string, now = Date.now()): Method | null {
  const [name, at] = read(key(server))?.split(' ') ?? []
  const age = now - Number(at)
  return age >= 0 && age < REMEMBERED_MS ? (METHODS.find((method) => method === name) ?? null) : null
}

/** Keeps `method` for this browser's next player of `server`. */
export function rememberMethod(server: string, method: Method, now = Date.now()): void {
  try {
    localStorage.setItem(key(server), `${method} ${now}`)
  } catch {
    // A page that may keep nothing finds out each time.
  }
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}
