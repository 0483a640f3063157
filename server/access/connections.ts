import { readFileSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import type { Logger } from 'pino'
import { GatewayError } from '../../shared/errors.ts'
import type { Limits } from './limits.ts'
import { remoteAddress } from './request.ts'

/** Files that stay free for what the gateway itself opens: pipes of FFmpegs, recordings, connections to targets. */
const RESERVED_SHARE = 1 / 4
const MIN_RESERVED = 64

const FEW_FILES = 'this process may open no more files'

/** How often it is said that connections are refused, in ms. */
const SAY_AGAIN_MS = 60_000

/** Counts the connections to all servers of a gateway from the moment that they are there, before anything is read of them, and refuses those that are too many. */
export class Connections {
  readonly #limits: Limits
  readonly #log: Logger
  readonly #files: number
  #refusedAt = Number.NEGATIVE_INFINITY
  #refused = 0
  #open = 0

  /** `files`: how many this process may open (getrlimit(2), RLIMIT_NOFILE). */
  constructor(limits: Limits, log: Logger, files = fileLimit()) {
    this.#limits = limits
    this.#log = log
    this.#files = files
  }

  /** Why connections were refused a moment ago, or null. */
  problem(): string | null {
    if (performance.now() - this.#refusedAt > SAY_AGAIN_MS) return null
    return `Connections are refused: too many are open, or this process may open too few files (${this.#files}).`
  }

  /** `refuse` answers one that is not taken, in the protocol of the server, and closes it. */
  watch(server: Server, refuse: (socket: Socket, error: GatewayError) => void): void {
    const most = Math.max(1, this.#files - Math.max(MIN_RESERVED, this.#files * RESERVED_SHARE))
    server.maxConnections = most
    server.on('drop', () => this.#say('all', FEW_FILES))
    // The system takes a connection back that there is no file for: what runs goes on.
    server.on('error', (error) => this.#say('all', error.message))
    server.prependListener('connection', (socket: Socket) => {
      const address = remoteAddress(socket.remoteAddress)
      this.#open++
      socket.once('close', () => this.#open--)
      if (this.#open > most) {
        this.#say('all', FEW_FILES)
        socket.destroy()
        return
      }
      try {
        socket.once('close', this.#limits.hold('connections', address))
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
        this.#say(address ?? 'this machine', error.message)
        socket.on('error', () => socket.destroy())
        refuse(socket, error)
      }
    })
  }

  #say(from: string, reason: string): void {
    this.#refused++
    const now = performance.now()
    if (now - this.#refusedAt < SAY_AGAIN_MS) return
    this.#refusedAt = now
    this.#log.warn({ from, reason, refused: this.#refused }, 'connections are refused')
  }
}

/** How many files this process may open: proc(5); a thousand, as is usual, where that cannot be told. */
function fileLimit(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024)
  } catch {
    return 1024
  }
}
