import { readFile } from 'node:fs/promises'
import type { Event, Recording } from '../../client/api/gateway-api.ts'
import type { TestGateway } from './gateway.ts'
import { ADMIN_KEY } from './tokens.ts'
import { NOT_KEPT, until } from './wait.ts'

const KEY = { ...NOT_KEPT.headers, authorization: `Bearer ${ADMIN_KEY}` }

/** Calls the API of `gateway` with the admin key. */
export async function asAdmin<T>(
  gateway: TestGateway,
  path: string,
  method = 'GET',
): Promise<{ status: number; body: T }> {
  const answer = await fetch(`${gateway.url}/api/${path}`, { method, headers: KEY })
  const text = await answer.text()
  return { status: answer.status, body: (text === '' ? null : JSON.parse(text)) as T }
}

/** The recordings of `stream`, the latest first. */
export async function recordingsOf(gateway: TestGateway, stream: string): Promise<Recording[]> {
  const { body } = await asAdmin<{ recordings: Recording[] }>(gateway, 'recordings')
  return body.recordings.filter((recording) => recording.stream === stream)
}

/** The recording of `stream`, once it is an MP4. */
export function readyRecording(gateway: TestGateway, stream: string): Promise<Recording> {
  return until(`a recording of ${stream} is ready`, async () => {
    const [recording] = await recordingsOf(gateway, stream)
    if (recording?.state === 'unfinished') throw new Error(`It is unfinished: ${recording.problem}`)
    return recording?.state === 'ready' ? recording : null
  })
}

/** What is behind a link. */
export async function fetchBytes(link: string | null): Promise<Buffer> {
  const answer = await fetch(link ?? '', NOT_KEPT)
  if (!answer.ok) throw new Error(`${link} answers ${answer.status}.`)
  return Buffer.from(await answer.arrayBuffer())
}

/** The events of `stream` so far. */
export async function eventsOf(gateway: TestGateway, stream: string): Promise<Event[]> {
  const { body } = await asAdmin<{ events: Event[] }>(gateway, 'events')
  return body.events.filter((event) => event.stream === stream)
}

/** What is on the disk of a recording that is being made. */
export function recordedSoFar(dataDir: string, { id }: Recording): Promise<Buffer> {
  return readFile(`${dataDir}/recordings/${id}/recording.flv`)
}
