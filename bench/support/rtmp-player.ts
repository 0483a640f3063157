import type { AmfValue } from '../../server/rtmp/amf.ts'
import { CHUNK_STREAM } from '../../server/rtmp/chunk-writer.ts'
import { commandBody, readCommand } from '../../server/rtmp/commands.ts'
import { MESSAGE } from '../../server/rtmp/messages.ts'
import { RtmpWire } from '../../server/rtmp/wire.ts'
import type { Talk } from './viewers.ts'

/** Asks for `name` of an application over RTMP; once that is played, nothing that comes is looked at. */
export function overRtmp(application: string, name: string): Talk {
  return (write) => {
    const wire = new RtmpWire('client', write)
    let isConnecting = false
    const command = (stream: number, name: string, transaction: number, ...values: AmfValue[]) =>
      wire.write(
        { chunkStream: CHUNK_STREAM.command, type: MESSAGE.command, stream, timestamp: 0 },
        commandBody(name, transaction, ...values),
      )
    return (bytes) => {
      let isPlaying = false
      for (const message of wire.receive(bytes)) {
        const answer = message.type === MESSAGE.command ? readCommand(message) : null
        if (answer?.name === '_result' && answer.transaction === 1) command(0, 'createStream', 2, null)
        if (answer?.name === '_result' && answer.transaction === 2) {
          command(1, 'play', 3, null, name)
          isPlaying = true
        }
      }
      if (wire.isOpen && !isConnecting) {
        isConnecting = true
        command(0, 'connect', 1, new Map([['app', application]]))
      }
      return !isPlaying
    }
  }
}
