import { TAG_HEADER_BYTES, TAG_TRAILER_BYTES } from '../flv/tag.ts'
import { RtmpError, type RtmpMessage } from './messages.ts'

/**
 * The messages in an aggregate message (RTMP 1.0, section 7.1.6), which is written like tags in a file. Their times count from that of the first, which
 * is the time of the aggregate.
 * @throws RtmpError where it ends too early
 */
export function* messagesIn({ body, stream, timestamp }: RtmpMessage): Generator<RtmpMessage, void, undefined> {
  let first: number | null = null
  for (let at = 0; at < body.length; ) {
    if (at + TAG_HEADER_BYTES > body.length) throw new RtmpError('An aggregate message ends too early.')
    const end = at + TAG_HEADER_BYTES + body.readUIntBE(at + 1, 3)
    if (end > body.length) throw new RtmpError('An aggregate message ends too early.')
    const time = body.readUIntBE(at + 4, 3) + body.readUInt8(at + 7) * 0x1000000
    first ??= time
    const part = body.subarray(at + TAG_HEADER_BYTES, end)
    yield { type: body.readUInt8(at), stream, timestamp: (timestamp + time - first) >>> 0, body: part }
    at = end + TAG_TRAILER_BYTES
  }
}
