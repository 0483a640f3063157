import { once } from 'node:events'
import { open, stat } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { hasCode } from '../process/errors.ts'

/** Longest path of a socket (unix(7): 108 bytes with the zero at the end; less elsewhere). */
const MAX_SOCKET_PATH = 100

/** A socket that answers for as long as this process lives. */
export interface Listening {
  name: string
  /** See {@link fileOf}. */
  file: string
  close(): Promise<void>
}

/** Listens in `directory`; null where that is not possible, as on some network file systems. */
export async function listen(directory: string, name: string): Promise<Listening | null> {
  const server = createServer((socket) => socket.destroy())
  const place = await socketPlace(directory, name)
  try {
    server.listen(place.path)
    await once(server, 'listening')
    server.unref()
    return { name, file: await fileOf(place.path), close: () => closeAll(server, place) }
  } catch {
    await place.close()
    return null
  }
}

async function closeAll(server: Server, place: { close(): Promise<void> }): Promise<void> {
  await new Promise((resolve) => server.close(resolve))
  await place.close()
}

/** The file that a socket is: another mount of the same directory may show another one, at which nobody listens. */
async function fileOf(path: string): Promise<string> {
  const { dev, ino } = await stat(path, { bigint: true })
  return `${dev}:${ino}`
}

/** Whether the process that made a socket, which it saw as `file`, lives; null where that cannot be told. */
export async function answers(directory: string, name: string, file: string | null): Promise<boolean | null> {
  const place = await socketPlace(directory, name)
  const socket = connect(place.path)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    if (hasCode(error, 'ECONNREFUSED')) return (await fileOf(place.path).catch(() => null)) === file ? false : null
    // So many wait that it must be there.
    return hasCode(error, 'EAGAIN') ? true : null
  } finally {
    socket.destroy()
    await place.close()
  }
}

/** A path of a socket that is short enough: through the open directory where its own is too long (proc(5), on Linux). */
async function socketPlace(directory: string, name: string): Promise<{ path: string; close(): Promise<void> }> {
  const path = join(directory, name)
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return { path, close: async () => {} }
  const handle = await open(directory, 'r')
  return { path: `/proc/self/fd/${handle.fd}/${name}`, close: () => handle.close() }
}
