import { type AmfObject, type AmfValue, readAmf } from './amf.ts'
import { MESSAGE, type RtmpMessage } from './messages.ts'

/** A command of a peer (RTMP 1.0, section 7.1.1). */
export interface Command {
  name: string
  /** Its answer has the same number; 0 where it wants none. */
  transaction: number
  /** What follows: the command object first, which is null for most. */
  values: AmfValue[]
  /** The message stream that it is about. */
  stream: number
}

/**
 * The command in a message; null for one without a name.
 * @throws AmfError for what is no AMF
 */
export function readCommand({ type, stream, body }: RtmpMessage): Command | null {
  // In AMF3, a byte of no meaning goes before; the values are AMF0 (section 7.1.1).
  const [name, transaction, ...values] = readAmf(type === MESSAGE.commandAmf3 ? body.subarray(1) : body)
  if (typeof name !== 'string') return null
  return { name, transaction: typeof transaction === 'number' ? transaction : 0, values, stream }
}

/** How a stream or a connection is, for the peer (section 7.2.2). */
export function status(level: 'status' | 'error', code: string, description: string): AmfObject {
  return new Map([
    ['level', level],
    ['code', code],
    ['description', description],
  ])
}

/** What a status says; null where it is none. */
export function readStatus(value: AmfValue): { isError: boolean; code: string; description: string } | null {
  if (!(value instanceof Map)) return null
  const [level, code, description] = [value.get('level'), value.get('code'), value.get('description')]
  if (typeof code !== 'string') return null
  return { isError: level === 'error', code, description: typeof description === 'string' ? description : '' }
}

/** The text among the values of a command at `index`; '' where there is none. */
export function textAt({ values }: Command, index: number): string {
  const value = values[index]
  return typeof value === 'string' ? value : ''
}
