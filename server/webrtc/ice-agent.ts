import { randomBytes } from 'node:crypto'
import type { Endpoint } from './stun.ts'

/** Most addresses that one session may have at a time: those from before are forgotten. */
const MAX_PATHS = 16

/** What a client needs to come (RFC 8445, section 5.3). */
export interface IceCredentials {
  ufrag: string
  password: string
}

/** A way to a client that has proved itself. */
export interface IcePath {
  /** Tells it from the others of the port. */
  key: string
  from: Endpoint
  send(bytes: Buffer): void
}

/** What an agent needs of its port. */
export interface IceAgentContext {
  register(ufrag: string, agent: IceAgent): void
  unregister(ufrag: string): void
  forget(path: IcePath): void
  onPacket(bytes: Buffer): void
  onPath(): void
}

/** One session at the port: its credentials, and the ways to its client. ICE-lite: the client looks for them and chooses (RFC 8445, section 2.5). */
export class IceAgent {
  readonly #context: IceAgentContext
  #credentials: IceCredentials
  /** Those from before a restart, until the new ones are used. */
  #before: IceCredentials | null = null
  readonly #paths = new Map<string, IcePath>()
  #chosen: IcePath | null = null
  #heardAt = performance.now()

  constructor(context: IceAgentContext) {
    this.#context = context
    this.#credentials = this.#renew()
  }

  get credentials(): IceCredentials {
    return this.#credentials
  }

  /** When its client was heard last, in ms of the monotonic clock. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** Where its client is, or null while that is not known. */
  get client(): Endpoint | null {
    return this.#chosen?.from ?? null
  }

  /** Gives new credentials (RFC 8445, section 9): those from before count until the new ones are used. */
  restart(): IceCredentials {
    if (this.#before) this.#context.unregister(this.#before.ufrag)
    this.#before = this.#credentials
    this.#credentials = this.#renew()
    return this.#credentials
  }

  /** Sends to where its client is; nothing happens while that is not known. */
  send(bytes: Buffer): void {
    this.#chosen?.send(bytes)
  }

  close(): void {
    this.#context.unregister(this.#credentials.ufrag)
    if (this.#before) this.#context.unregister(this.#before.ufrag)
    for (const path of this.#paths.values()) this.#context.forget(path)
    this.#paths.clear()
    this.#chosen = null
  }

  /** For the port: the password that belongs to one of its ufrags. */
  passwordOf(ufrag: string): string | undefined {
    return [this.#credentials, this.#before].find((each) => each?.ufrag === ufrag)?.password
  }

  /** For the port: the client proved to be at the end of `path`, and may have chosen it. */
  prove(ufrag: string, path: IcePath, isChosen: boolean): void {
    this.#heardAt = performance.now()
    if (this.#before && ufrag === this.#credentials.ufrag) {
      this.#context.unregister(this.#before.ufrag)
      this.#before = null
    }
    this.#paths.delete(path.key)
    this.#paths.set(path.key, path)
    if (this.#paths.size > MAX_PATHS) this.#forgetOldest()
    if (!isChosen && this.#chosen) return
    const isNew = this.#chosen?.key !== path.key
    this.#chosen = path
    if (isNew) this.#context.onPath()
  }

  /** For the port: a path is gone. */
  lose(key: string): void {
    const path = this.#paths.get(key)
    if (!path) return
    this.#paths.delete(key)
    this.#context.forget(path)
    if (this.#chosen === path) this.#chosen = [...this.#paths.values()].at(-1) ?? null
  }

  /** For the port: a packet came on a path that is proved. */
  take(bytes: Buffer): void {
    this.#heardAt = performance.now()
    this.#context.onPacket(bytes)
  }

  #forgetOldest(): void {
    const oldest = [...this.#paths.keys()].find((key) => key !== this.#chosen?.key)
    if (oldest !== undefined) this.lose(oldest)
  }

  /** At least 24 and 128 bits of chance (RFC 8445, section 5.3). */
  #renew(): IceCredentials {
    const credentials = { ufrag: randomBytes(6).toString('hex'), password: randomBytes(18).toString('hex') }
    this.#context.register(credentials.ufrag, this)
    return credentials
  }
}
