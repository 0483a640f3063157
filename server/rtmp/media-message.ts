import { type BusTag, bodyOf } from '../flv/gop-cache.ts'
import { writeAmf } from './amf.ts'
import { CHUNK_STREAM, type MessageHead, writeMessage } from './chunk-writer.ts'
import { MESSAGE } from './messages.ts'

/** What goes before metadata on the way to a server: it is to hand it to those who join later. */
const SET_DATA_FRAME = writeAmf('@setDataFrame')

/** The pieces of the message that a tag of the bus is to a player, in message stream `stream`. Its body is not copied. */
export function playedMessage(tag: BusTag, stream: number): Buffer[] {
  return writeMessage(headOf(tag, stream), bodyOf(tag))
}

/** The pieces of the message that a tag of the bus is to a server that it is published to. */
export function publishedMessage(tag: BusTag, stream: number): Buffer[] {
  const body = bodyOf(tag)
  return writeMessage(headOf(tag, stream), tag.kind === 'metadata' ? Buffer.concat([SET_DATA_FRAME, body]) : body)
}

function headOf({ kind, timestamp }: BusTag, stream: number): MessageHead {
  switch (kind) {
    case 'metadata':
      return { chunkStream: CHUNK_STREAM.data, type: MESSAGE.data, stream, timestamp }
    case 'audio':
    case 'audio-header':
      return { chunkStream: CHUNK_STREAM.audio, type: MESSAGE.audio, stream, timestamp }
    default:
      return { chunkStream: CHUNK_STREAM.video, type: MESSAGE.video, stream, timestamp }
  }
}
