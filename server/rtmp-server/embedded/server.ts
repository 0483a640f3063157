import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { isStreamName } from '../../../shared/stream-name.ts'
import { type Child, startChild } from '../../process/child.ts'
import { supervise } from '../../process/supervise.ts'
import { addressInUrl, listening, requireFreePort } from '../port.ts'
import type { PublishHandlers, RtmpServer } from '../rtmp-server.ts'
import type { FromEmbedded, ToEmbedded } from './messages.ts'

/** Where the embedded server listens and writes. */
export interface EmbeddedOptions {
  host: string
  rtmpPort: number
  directory: string
  log: Logger
}

/**
 * Starts node-media-server in a process of its own.
 * @throws MissingError where the port is taken
 */
export async function startEmbedded(options: EmbeddedOptions, handlers: PublishHandlers): Promise<RtmpServer> {
  const { host, rtmpPort, directory, log } = options
  await requireFreePort(host, rtmpPort, '--rtmp-port')
  await mkdir(directory, { recursive: true })
  const secret = randomBytes(16).toString('hex')
  const program = fileURLToPath(new URL('./process.js', import.meta.url))
  const server = await supervise(
    'embedded RTMP server',
    () => {
      const child = startChild(process.execPath, [program], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
      converse(child, { type: 'start', host, port: rtmpPort, directory, secret }, handlers, log)
      return child
    },
    (child) => listening(child, host, rtmpPort),
    log,
  )
  const local = `rtmp://${addressInUrl(host)}:${rtmpPort}/live`
  return {
    kind: 'embedded',
    url: local,
    makesHls: false,
    problem: () => server.problem(),
    publishUrl: (name) => `${local}/${name}?publisher=${secret}`,
    playUrl: (name) => `${local}/${name}`,
    close: () => server.close(),
  }
}

function converse(child: Child, start: ToEmbedded, handlers: PublishHandlers, log: Logger): void {
  const names = new Map<string, string>()
  const tell = (message: ToEmbedded) => child.process.connected && child.process.send(message)
  child.process.on('message', (message: FromEmbedded) => {
    switch (message.type) {
      case 'publish':
        if (isStreamName(message.name) && handlers.onPublish(message.name)) names.set(message.id, message.name)
        else tell({ type: 'deny', id: message.id })
        return
      case 'unpublish': {
        const name = names.get(message.id)
        names.delete(message.id)
        if (name !== undefined) handlers.onUnpublish(name)
        return
      }
      case 'log':
        log.debug({ rtmp: message.line }, 'embedded RTMP server says')
    }
  })
  void child.exited.then(() => {
    for (const name of names.values()) handlers.onUnpublish(name)
  })
  tell(start)
}
