export function readRooms(folder: string, root?: string): Map<string, Set<string>>
export function packagesOf(folder: string, room: string, root?: string): Set<string>
export function reachable(rooms: ReadonlyMap<string, ReadonlySet<string>>, room: string): Set<string>
export function circles(rooms: ReadonlyMap<string, ReadonlySet<string>>): string[][]
export function floors(rooms: ReadonlyMap<string, ReadonlySet<string>>): string[][]
