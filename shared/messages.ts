import { isUint32 } from './chunk.ts'
import { GatewayError } from './errors.ts'
import { MAX_AT_MS } from './limits.ts'
import { isFields, isNumberFrom, parseFields } from './narrow.ts'
import { type PlaybackLinks, parsePlayback, parseStreamStatus, type StreamStatus } from './status.ts'

/** First message of a client. `session` is null for a new broadcast, or the id of the one to resume. */
export interface Hello {
  type: 'hello'
  session: string | null
  /** Where tokens are required. */
  token?: string
  /** What captures: `recorder` (a page, the default) or `file` (`castgate push`). */
  source?: 'recorder' | 'file'
}

/** Announces a run of the recorder, before its first chunk. */
export interface EpochStart {
  type: 'epoch'
  /** Larger than that of the epoch before it; the first is 0. One that gave no chunk is never announced. */
  epoch: number
  /** Milliseconds on the client's monotonic clock since its first epoch began. */
  at: number
  /** What the recorder says that it records, as in `MediaRecorder.mimeType`. */
  mimeType: string
  /** Bits a second that the recorder was asked for; a transcoder aims at the same. */
  videoBitsPerSecond?: number
  /** Frames a second that the capture was asked for; a transcoder keeps to it. */
  frameRate?: number
}

/** No more will come. */
export interface End {
  type: 'end'
}

/** Asks for a sign of life; answered by `pong`. Pages cannot send WebSocket pings. */
export interface Ping {
  type: 'ping'
}

/** A control message of a client. */
export type ClientMessage = Hello | EpochStart | End | Ping

/** What the server allows. */
export interface Limits {
  chunkBytes: number
  resumeSeconds: number
  windowBytes: number
}

/** Answer to `hello`. `next` is the first sequence number that the server does not have. */
export interface Welcome {
  type: 'welcome'
  session: string
  next: number
  /** The epoch that the server is in; null before the first. A page that was reloaded goes on with a later one. */
  epoch: number | null
  limits: Limits
  playback: PlaybackLinks
}

/** Cumulative: every chunk below `next` has been handed to FFmpeg. */
export interface Ack {
  type: 'ack'
  next: number
}

/** Asks the client to start a new epoch: what it sends now cannot be used any more. */
export interface Restart {
  type: 'restart'
  reason: string
}

/** About once a second: the stream as the API tells it. */
export type Status = { type: 'status' } & StreamStatus

/** Answer to `end`; the socket then closes with 1000. */
export interface Ended {
  type: 'ended'
}

/** Answer to `ping`. */
export interface Pong {
  type: 'pong'
}

/** Comes before every close code of Castgate's. `code` is for programs, `message` for people. */
export interface ErrorMessage {
  type: 'error'
  code: string
  message: string
}

/** A control message of the server. */
export type ServerMessage = Welcome | Ack | Restart | Status | Ended | Pong | ErrorMessage

/**
 * Reads a text frame of a client.
 * @throws GatewayError `bad_message`, which says what is wrong
 */
export function parseClientMessage(text: string): ClientMessage {
  const fields = parseFields(text)
  if (fields === null) throw new GatewayError('bad_message', 'A control message is a JSON object.')
  switch (fields.type) {
    case 'hello': {
      const { session, token, source } = fields
      if (session !== null && typeof session !== 'string') throw bad('hello', 'session', 'null or a session id')
      if (token !== undefined && typeof token !== 'string') throw bad('hello', 'token', 'a string')
      if (source !== undefined && source !== 'recorder' && source !== 'file') {
        throw bad('hello', 'source', '"recorder" or "file"')
      }
      return { type: 'hello', session, ...(token !== undefined && { token }), ...(source !== undefined && { source }) }
    }
    case 'epoch': {
      const { epoch, at, mimeType, videoBitsPerSecond, frameRate } = fields
      if (!isUint32(epoch)) throw bad('epoch', 'epoch', 'a number from 0 to 2^32 - 1')
      if (!isNumberFrom(0, at) || at > MAX_AT_MS) throw bad('epoch', 'at', 'milliseconds, from 0 to 24 days')
      if (typeof mimeType !== 'string' || mimeType.length > 256) throw bad('epoch', 'mimeType', 'a MIME type')
      if (videoBitsPerSecond !== undefined && !isNumberFrom(1, videoBitsPerSecond)) {
        throw bad('epoch', 'videoBitsPerSecond', 'a number of at least 1')
      }
      if (frameRate !== undefined && !isNumberFrom(1, frameRate)) {
        throw bad('epoch', 'frameRate', 'a number of at least 1')
      }
      return {
        type: 'epoch',
        epoch,
        at,
        mimeType,
        ...(videoBitsPerSecond !== undefined && { videoBitsPerSecond }),
        ...(frameRate !== undefined && { frameRate }),
      }
    }
    case 'end':
      return { type: 'end' }
    case 'ping':
      return { type: 'ping' }
    default:
      throw new GatewayError('bad_message', 'The type of a control message is "hello", "epoch", "end" or "ping".')
  }
}

/** Reads a text frame of the server; null for one that this version does not know, which a client ignores. */
export function parseServerMessage(text: string): ServerMessage | null {
  const fields = parseFields(text)
  switch (fields?.type) {
    case 'welcome': {
      const limits = parseLimits(fields.limits)
      const playback = parsePlayback(fields.playback)
      if (typeof fields.session !== 'string' || !isUint32(fields.next) || !limits || !playback) return null
      const epoch = isUint32(fields.epoch) ? fields.epoch : null
      return { type: 'welcome', session: fields.session, next: fields.next, epoch, limits, playback }
    }
    case 'ack':
      return isUint32(fields.next) ? { type: 'ack', next: fields.next } : null
    case 'restart':
      return { type: 'restart', reason: typeof fields.reason === 'string' ? fields.reason : '' }
    case 'status': {
      const stream = parseStreamStatus(fields)
      return stream && { type: 'status', ...stream }
    }
    case 'ended':
      return { type: 'ended' }
    case 'pong':
      return { type: 'pong' }
    case 'error':
      if (typeof fields.code !== 'string' || typeof fields.message !== 'string') return null
      return { type: 'error', code: fields.code, message: fields.message }
    default:
      return null
  }
}

function parseLimits(value: unknown): Limits | null {
  if (!isFields(value)) return null
  const { chunkBytes, resumeSeconds, windowBytes } = value
  if (!isNumberFrom(1, chunkBytes) || !isNumberFrom(0, resumeSeconds) || !isNumberFrom(1, windowBytes)) return null
  return { chunkBytes, resumeSeconds, windowBytes }
}

function bad(type: string, field: string, expected: string): GatewayError {
  return new GatewayError('bad_message', `In a "${type}" message, "${field}" must be ${expected}.`)
}
