import { TAG_TYPE, type Tag } from '../flv/tag.ts'
import { messagesIn } from './aggregate.ts'
import { AmfError, type AmfObject, readAmf, writeAmf, writeEcmaArray } from './amf.ts'
import { CHUNK_STREAM } from './chunk-writer.ts'
import { type Command, readCommand, status, textAt } from './commands.ts'
import { MESSAGE, RtmpError, type RtmpMessage, USER_CONTROL, uint32Body } from './messages.ts'
import { RtmpWire, WINDOW_BYTES } from './wire.ts'

/** What a client of ours does. */
export type ServerEvent =
  /** It wants to publish, or to play, what `key` says: a name, and a query where there is one. */
  | { kind: 'publish' | 'play'; key: string }
  /** A picture or a piece of sound of what it publishes. It may share memory with what was received. */
  | { kind: 'tag'; tag: Tag }
  /** What it says of what it publishes. */
  | { kind: 'metadata'; values: AmfObject }
  | { kind: 'pause'; isPaused: boolean }
  /** It has ended what it published or played, and did not just go away. */
  | { kind: 'over' }
  /** It asked for an application that there is not. It was told. */
  | { kind: 'no-application'; application: string }

/** What it is about at the moment. */
type State = 'new' | 'connected' | 'asking' | 'publishing' | 'playing' | 'over'

/** The message stream that every client is given, however often it asks: it publishes or plays one stream. */
export const MEDIA_STREAM = 1

/** What a client is told about the server: that of Adobe, in the version that they know to send H.264. */
const SERVER_VERSION = 'FMS/3,0,1,123'
const CAPABILITIES = 31

/**
 * One client of our RTMP server, without a socket and without a clock: it answers what the protocol alone decides, and asks about the rest with events.
 * After `publish` or `play` nothing may be received until {@link accept} or {@link refuse}.
 */
export class RtmpServerSession {
  readonly #wire: RtmpWire
  readonly #application: string
  readonly #codecs: readonly string[]
  #state: State = 'new'
  /** The message stream that publishes or plays. */
  #stream = 0
  #wants: 'publish' | 'play' = 'publish'
  #key = ''
  #saidFcPublish = false

  /**
   * @param application the one that there is
   * @param codecs what is taken by enhanced RTMP, as FourCC
   */
  constructor(application: string, codecs: readonly string[], send: (bytes: Buffer) => void) {
    this.#application = application
    this.#codecs = codecs
    this.#wire = new RtmpWire('server', send)
  }

  /** Bytes of it that are held. */
  get heldBytes(): number {
    return this.#wire.heldBytes
  }

  /** Whether it has said that it is through. */
  get isOver(): boolean {
    return this.#state === 'over'
  }

  /**
   * Takes bytes of the client.
   * @throws RtmpError or AmfError where they are not what they should be: the connection ends
   */
  *receive(bytes: Buffer): Generator<ServerEvent, void, undefined> {
    for (const message of this.#wire.receive(bytes)) yield* this.#take(message)
  }

  /** It may do what it asked for. */
  accept(): void {
    if (this.#wants === 'publish') {
      this.#state = 'publishing'
      this.#wire.takeMedia()
      if (this.#saidFcPublish)
        this.#wire.command(0, 'onFCPublish', 0, status('status', 'NetStream.Publish.Start', 'You may publish.'))
      return this.#status('status', 'NetStream.Publish.Start', `"${nameIn(this.#key)}" is published now.`)
    }
    this.#state = 'playing'
    this.#wire.userControl(USER_CONTROL.streamBegin, this.#stream)
    this.#status('status', 'NetStream.Play.Reset', 'The player begins anew.')
    this.#status('status', 'NetStream.Play.Start', `"${nameIn(this.#key)}" is played now.`)
    const access = writeAmf('|RtmpSampleAccess', true, true)
    this.#wire.write({ chunkStream: CHUNK_STREAM.data, type: MESSAGE.data, stream: this.#stream, timestamp: 0 }, access)
  }

  /** It may not, or not any more: `description` says why, and whether that is for its name. */
  refuse(isForName: boolean, description: string): void {
    this.#state = 'over'
    const code = this.#wants === 'play' ? 'Play.Failed' : isForName ? 'Publish.BadName' : 'Publish.Rejected'
    this.#status('error', `NetStream.${code}`, description)
  }

  /** What it played is over. */
  endPlay(): void {
    if (this.#state !== 'playing') return
    this.#state = 'over'
    this.#wire.userControl(USER_CONTROL.streamEof, this.#stream)
    this.#status('status', 'NetStream.Play.Complete', `"${nameIn(this.#key)}" is over.`)
    this.#status('status', 'NetStream.Play.Stop', `"${nameIn(this.#key)}" is over.`)
  }

  *#take(message: RtmpMessage): Generator<ServerEvent, void, undefined> {
    switch (message.type) {
      case MESSAGE.command:
      case MESSAGE.commandAmf3: {
        const command = readCommand(message)
        if (command) yield* this.#obey(command)
        return
      }
      case MESSAGE.audio:
      case MESSAGE.video: {
        const type = message.type === MESSAGE.audio ? TAG_TYPE.audio : TAG_TYPE.video
        const { timestamp, body } = message
        if (this.#publishes()) yield { kind: 'tag', tag: { type, timestamp, body } }
        return
      }
      case MESSAGE.aggregate:
        for (const part of messagesIn(message)) if (part.type !== MESSAGE.aggregate) yield* this.#take(part)
        return
      case MESSAGE.data:
      case MESSAGE.dataAmf3: {
        const values = this.#publishes() ? metadataIn(message) : null
        if (values) yield { kind: 'metadata', values }
        return
      }
    }
  }

  /** Whether media that comes now is of what it publishes, in whatever message stream: some encoders mix them up. */
  #publishes(): boolean {
    if (this.#state === 'publishing') return true
    // What comes behind the end is nothing; before the beginning, it is not asked for.
    if (this.#state === 'over' || this.#state === 'playing') return false
    throw new RtmpError('Media came before anything is published.')
  }

  *#obey(command: Command): Generator<ServerEvent, void, undefined> {
    if (command.name === 'connect') return yield* this.#connect(command)
    if (this.#state === 'new') throw new RtmpError(`"${command.name.slice(0, 40)}" comes before "connect".`)
    switch (command.name) {
      case 'createStream':
        return this.#result(command, MEDIA_STREAM)
      case 'publish':
      case 'play':
      case 'play2':
        return yield* this.#ask(command)
      case 'pause':
      case 'pauseRaw':
        return yield* this.#pause(command)
      case 'seek':
        return this.#status('status', 'NetStream.Seek.Notify', 'What is live has no other place to be.')
      case 'FCPublish':
        this.#saidFcPublish = true
        return this.#result(command, undefined)
      case 'getStreamLength':
        // What is live has none.
        return this.#result(command, 0)
      case 'deleteStream':
        if (command.values[1] === this.#stream) yield* this.#end()
        return
      case 'closeStream':
        if (command.stream === this.#stream || command.stream === 0) yield* this.#end()
        return
      case 'FCUnpublish':
        yield* this.#end()
        return this.#result(command, undefined)
      default:
        // releaseStream, FCSubscribe, _checkbw and what else encoders say before they begin: there is nothing to do.
        return this.#result(command, undefined)
    }
  }

  *#connect(command: Command): Generator<ServerEvent, void, undefined> {
    if (this.#state !== 'new') throw new RtmpError('"connect" comes twice.')
    const [object] = command.values
    const asked = object instanceof Map ? object : new Map()
    const application = textOf(asked.get('app'))
    if (applicationIn(application) !== this.#application) {
      const words = `There is no application "${applicationIn(application).slice(0, 60)}". Publish to /${this.#application}, with the stream name as the stream key.`
      this.#state = 'over'
      this.#wire.command(
        0,
        '_error',
        command.transaction,
        null,
        status('error', 'NetConnection.Connect.Rejected', words),
      )
      yield { kind: 'no-application', application }
      return
    }
    this.#state = 'connected'
    this.#wire.control(MESSAGE.windowAckSize, uint32Body(WINDOW_BYTES))
    // The limit type is "dynamic" (section 5.4.5).
    this.#wire.control(MESSAGE.setPeerBandwidth, Buffer.concat([uint32Body(WINDOW_BYTES), Buffer.from([2])]))
    this.#wire.enlargeChunks()
    const server: AmfObject = new Map<string, number | string>([
      ['fmsVer', SERVER_VERSION],
      ['capabilities', CAPABILITIES],
    ])
    const answer = status('status', 'NetConnection.Connect.Success', 'Connected.')
    answer.set('objectEncoding', asked.get('objectEncoding') === 3 ? 3 : 0)
    // Enhanced RTMP, version 2: what is taken besides H.264.
    if (asked.has('fourCcList') && this.#codecs.length > 0) answer.set('fourCcList', [...this.#codecs])
    this.#wire.command(0, '_result', command.transaction, server, answer)
  }

  *#ask(command: Command): Generator<ServerEvent, void, undefined> {
    if (this.#state !== 'connected') {
      const words = 'This connection publishes or plays already. Open another one.'
      this.#state = 'over'
      this.#status('error', command.name === 'publish' ? 'NetStream.Publish.BadName' : 'NetStream.Play.Failed', words)
      yield { kind: 'over' }
      return
    }
    this.#state = 'asking'
    this.#stream = command.stream
    this.#wants = command.name === 'publish' ? 'publish' : 'play'
    this.#key = keyIn(command)
    yield { kind: this.#wants, key: this.#key }
  }

  *#pause(command: Command): Generator<ServerEvent, void, undefined> {
    if (this.#state !== 'playing') return
    const isPaused = command.values[1] === true
    yield { kind: 'pause', isPaused }
    const [code, words] = isPaused ? ['Pause', 'Paused.'] : ['Unpause', 'It goes on where it is now.']
    this.#status('status', `NetStream.${code}.Notify`, words)
  }

  *#end(): Generator<ServerEvent, void, undefined> {
    if (this.#state !== 'publishing' && this.#state !== 'playing') return
    if (this.#state === 'publishing')
      this.#status('status', 'NetStream.Unpublish.Success', `"${nameIn(this.#key)}" is not published any more.`)
    this.#state = 'over'
    yield { kind: 'over' }
  }

  #result({ transaction }: Command, value: number | undefined): void {
    if (transaction !== 0) this.#wire.command(0, '_result', transaction, null, value)
  }

  #status(level: 'status' | 'error', code: string, description: string): void {
    this.#wire.command(this.#stream, 'onStatus', 0, null, status(level, code, description))
  }
}

/** A key without its query, which may hold a token. */
export function nameIn(key: string): string {
  return key.split('?')[0] ?? ''
}

/** The key in "publish" or "play". Some write a prefix that says the kind of the file (`mp4:`, `flv:`), which means nothing here. */
function keyIn(command: Command): string {
  const [, second] = command.values
  const key = second instanceof Map ? textOf(second.get('streamName')) : textAt(command, 1)
  return key.replace(/^(?:mp4|flv):/, '')
}

/** The application without its instance, its query and slashes around it. */
function applicationIn(text: string): string {
  return (text.split('?')[0] ?? '').replace(/\/_definst_(?=\/|$)/, '').replace(/^\/+|\/+$/g, '')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** What "onMetaData" has, with "@setDataFrame" before it or not; null for other data. */
function metadataIn({ type, body }: RtmpMessage): AmfObject | null {
  try {
    const values = readAmf(type === MESSAGE.dataAmf3 ? body.subarray(1) : body)
    const at = values[0] === '@setDataFrame' ? 1 : 0
    const object = values[at + 1]
    return values[at] === 'onMetaData' && object instanceof Map ? object : null
  } catch (error) {
    // It is for people. What cannot be read of it does not end a broadcast.
    if (error instanceof AmfError) return null
    throw error
  }
}

/** The body of a message, or of a tag, that says what a stream holds. */
export function metadataBody(values: AmfObject): Buffer {
  return Buffer.concat([writeAmf('onMetaData'), writeEcmaArray(values)])
}
