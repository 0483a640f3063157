// The rooms of server/ and client/, and which uses which: `node scripts/rooms.mjs`. A room is a folder, or a file beside them.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** `import … from '…'`, `export … from '…'`, `import('…')` and `import '…'`, of files of the project. */
const IMPORTS = /(?:from|import\(|import)\s*'(\.[^']+)'/g

/**
 * Reads what the rooms directly in `folder` import of each other, tests left out.
 * @param {string} folder such as `server`
 * @returns {Map<string, Set<string>>} for each room, by name, the rooms that it uses
 */
export function readRooms(folder, root = ROOT) {
  const base = join(root, folder)
  const rooms = new Map()
  for (const file of sources(base)) {
    const room = roomOf(relative(base, file))
    const uses = rooms.get(room) ?? new Set()
    rooms.set(room, uses)
    for (const [, path] of readFileSync(file, 'utf8').matchAll(IMPORTS)) {
      const other = relative(base, resolve(dirname(file), path))
      if (!other.startsWith('..') && roomOf(other) !== room) uses.add(roomOf(other))
    }
  }
  return rooms
}

/**
 * The packages, and modules of Node.js, that a room imports.
 * @param {string} folder
 * @param {string} room
 * @returns {Set<string>}
 */
export function packagesOf(folder, room, root = ROOT) {
  const base = join(root, folder)
  const files = sources(base).filter((file) => roomOf(relative(base, file)) === room)
  const imported = files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/from '([^.'][^']*)'/g)])
  return new Set(imported.map(([, name]) => name))
}

/**
 * All rooms that `room` uses, by itself or through others.
 * @param {Map<string, Set<string>>} rooms
 * @param {string} room
 * @returns {Set<string>}
 */
export function reachable(rooms, room) {
  const seen = new Set()
  const queue = [...(rooms.get(room) ?? [])]
  for (const next of queue) {
    if (seen.has(next)) continue
    seen.add(next)
    queue.push(...(rooms.get(next) ?? []))
  }
  return seen
}

/**
 * The groups of rooms that use each other in a circle; none where every arrow points downwards.
 * @param {Map<string, Set<string>>} rooms
 * @returns {string[][]}
 */
export function circles(rooms) {
  const reach = new Map([...rooms.keys()].map((room) => [room, reachable(rooms, room)]))
  const groups = new Map()
  for (const [room, seen] of reach) {
    if (!seen.has(room)) continue
    const group = [room, ...[...seen].filter((other) => other !== room && reach.get(other)?.has(room))].sort()
    groups.set(group.join(' '), group)
  }
  return [...groups.values()]
}

/**
 * The rooms by floor, from the ground: each stands on those that it uses. Rooms in a circle have none.
 * @param {Map<string, Set<string>>} rooms
 * @returns {string[][]}
 */
export function floors(rooms) {
  const left = new Map(rooms)
  const built = new Set()
  const all = []
  for (;;) {
    const floor = [...left].filter(([, uses]) => [...uses].every((room) => built.has(room))).map(([room]) => room)
    if (floor.length === 0) return all
    for (const room of floor) {
      built.add(room)
      left.delete(room)
    }
    all.push(floor.sort())
  }
}

/** The room of a file, by its path below the folder. */
function roomOf(path) {
  const [first] = path.split('/')
  return path.includes('/') ? `${first}/` : first
}

function sources(directory) {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /(?<!\.test|\.d)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
}

function print(folder) {
  const rooms = readRooms(folder)
  const arrows = [...rooms.values()].reduce((sum, uses) => sum + uses.size, 0)
  const storeys = floors(rooms)
  const round = circles(rooms)
  console.log(`${folder}/: ${rooms.size} rooms, ${storeys.length} floors, ${arrows} arrows, ${round.length} circles`)
  for (const [index, floor] of [...storeys.entries()].reverse()) console.log(`  ${index + 1}  ${floor.join('  ')}`)
  for (const group of round) console.log(`  circle: ${group.join('  ')}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const folder of ['server', 'client']) print(folder)
}
