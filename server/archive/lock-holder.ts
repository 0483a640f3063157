import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { parseFields } from '../../shared/narrow.ts'
import { processName } from '../process/name.ts'

/** Who holds a directory, as its file says. */
export interface Holder {
  owner: string
  host: string
  /** The run of the kernel, which all containers of a machine share; null where it is not known. */
  boot: string | null
  /** Where `pid` counts: containers number their processes by themselves. */
  pidNamespace: string | null
  pid: number
  /** The process with its start: see {@link processName}. */
  process: string | null
  /** The socket's name in the directory; null where there can be none. */
  socket: string | null
  /** The file that the socket is, as this process sees it: through another mount it may be another, which nobody listens at. */
  socketFile: string | null
  beats: number
  released: boolean
}

/** What the file of a number says of its holder; null where that cannot be read. */
export async function readHolder(directory: string, number: number): Promise<Holder | null> {
  const value = parseFields(await readFile(holderPath(directory, number), 'utf8').catch(() => ''))
  if (value === null) return null
  const text = (name: string) => (typeof value[name] === 'string' ? (value[name] as string) : null)
  const count = (name: string) => (Number.isSafeInteger(value[name]) ? (value[name] as number) : 0)
  const socket = text('socket')
  return {
    owner: text('owner') ?? '',
    host: text('host') ?? 'an unknown machine',
    boot: text('boot'),
    pidNamespace: text('pidNamespace'),
    pid: count('pid'),
    process: text('process'),
    socket: socket !== null && /^\.lock-[\w-]+\.socket$/.test(socket) ? socket : null,
    socketFile: text('socketFile'),
    beats: count('beats'),
    released: value.released === true,
  }
}

/** As long for each number of beats, and for one that was released. */
export function encodeHolder(holder: Holder): string {
  return `${JSON.stringify(holder).padEnd(1022)}\n`
}

/** The file of a number. */
export function holderPath(directory: string, number: number): string {
  return join(directory, `.lock-${number}`)
}

/** This process, as others tell it. */
export async function here(): Promise<Pick<Holder, 'host' | 'boot' | 'pidNamespace' | 'pid' | 'process'>> {
  const [boot, pidNamespace, process_] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => null),
    readlink('/proc/self/ns/pid').catch(() => null),
    processName(process.pid),
  ])
  return { host: hostname(), boot: boot?.trim() ?? null, pidNamespace, pid: process.pid, process: process_ }
}
