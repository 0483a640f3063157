import { readCommand } from '../../server/rtmp/commands.ts'
import { MESSAGE } from '../../server/rtmp/messages.ts'
import { RtmpWire } from '../../server/rtmp/wire.ts'
import type { Talk } from './viewers.ts'

/** Asks for `name` of an application over RTMP; once that is played, nothing that comes is looked at. */
export function overRtmp(application: string, name: string): Talk {
  return (write) => {
    const wire = new RtmpWire('client', write)
    let isConnecting = false
    return (bytes) => {
      let isPlaying = false
      for (const message of wire.receive(bytes)) {
        const answer = message.type === MESSAGE.command ? readCommand(message) : null
        if (answer?.name === '_result' && answer.transaction === 1) wire.command(0, 'createStream', 2, null)
        if (answer?.name === '_result' && answer.transaction === 2) {
          wire.command(1, 'play', 3, null, name)
          isPlaying = true
        }
      }
      if (wire.isOpen && !isConnecting) {
        isConnecting = true
        wire.command(0, 'connect', 1, new Map([['app', application]]))
      }
      return !isPlaying
    }
  }
}
