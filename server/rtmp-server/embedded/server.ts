import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { isStreamName } from '../../../shared/stream-name.ts'
import { addressInUrl, listening, requireFreePort } from '../../net/port.ts'
import { type Child, startChild } from '../../process/child.ts'
import { makeOwnDirectory } from '../../process/own-directory.ts'
import { redact } from '../../process/redact.ts'
import { supervise } from '../../process/supervise.ts'
import { Joins } from '../joins.ts'
import type { PublishHandlers, RtmpServer } from '../rtmp-server.ts'
import type { FromEmbedded, ToEmbedded } from './messages.ts'

/** Where the embedded server listens and writes. */
export interface EmbeddedOptions {
  host: string
  rtmpPort: number
  directory: string
  isPrivate: boolean
  log: Logger
}

/**
 * Starts node-media-server in a process of its own.
 * @throws MissingError where the port is taken
 */
export async function startEmbedded(options: EmbeddedOptions, handlers: PublishHandlers): Promise<RtmpServer> {
  const { host, rtmpPort, directory, isPrivate, log } = options
  await requireFreePort(host, rtmpPort, '--rtmp-port')
  await makeOwnDirectory(directory)
  const secret = randomBytes(16).toString('hex')
  const program = fileURLToPath(new URL('./process.js', import.meta.url))
  let conversation: Conversation | null = null
  const server = await supervise(
    'embedded RTMP server',
    () => {
      const child = startChild(process.execPath, [program], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
      conversation = converse(
        child,
        { type: 'start', host, port: rtmpPort, directory, secret, isPrivate },
        handlers,
        log,
      )
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
    restarts: () => server.restarts(),
    pid: () => server.pid(),
    publishUrl: (name) => `${local}/${name}?gateway=${secret}`,
    playUrl: (name) => `${local}/${name}?gateway=${secret}`,
    dropPublisher: async (name) => conversation?.drop(name),
    close: () => server.close(),
  }
}

interface Conversation {
  /** Ends the connection of the encoder that publishes `name`. */
  drop(name: string): void
}

function converse(child: Child, start: ToEmbedded, handlers: PublishHandlers, log: Logger): Conversation {
  /** Names of the encoders' streams by the ids of their connections. */
  const names = new Map<string, string>()
  /** Ids of connections whose tokens are looked at; one that goes meanwhile leaves. */
  const asking = new Set<string>()
  const joins = new Joins()
  // It may go at any time; that is noticed by its exit.
  const tell = (message: ToEmbedded) => child.process.connected && child.process.send(message, () => {})
  child.process.on('message', (message: FromEmbedded) => {
    switch (message.type) {
      case 'publish':
        void publish(message)
        return
      case 'unpublish': {
        const name = names.get(message.id)
        names.delete(message.id)
        asking.delete(message.id)
        if (name !== undefined) handlers.onUnpublish(name)
        return
      }
      case 'play':
        joins.played(message.name)
        return
      case 'log':
        log.debug({ rtmp: redact(message.line) }, 'embedded RTMP server says')
    }
  })
  void child.exited.then(() => {
    for (const name of names.values()) handlers.onUnpublish(name)
    names.clear()
    asking.clear()
  })
  tell(start)
  return {
    drop(name) {
      for (const [id, other] of names) if (other === name) tell({ type: 'deny', id })
    },
  }

  async function publish({ id, name, token, address }: Extract<FromEmbedded, { type: 'publish' }>): Promise<void> {
    asking.add(id)
    const allowed = isStreamName(name) && (await handlers.onPublish(name, token, address))
    if (allowed) await joins.untilPlayed(name)
    const isThere = asking.delete(id)
    if (allowed && isThere) names.set(id, name)
    else if (allowed) handlers.onUnpublish(name)
    tell({ type: allowed ? 'allow' : 'deny', id })
  }
}
