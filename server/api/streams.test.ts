import { expect, it } from 'vitest'
import type { StreamStatus } from '../../shared/status.ts'
import { Directory } from '../broadcast/directory.ts'
import { playbackLinks } from '../http/links.ts'
import { statusOf, tellable } from './streams.ts'

function status(name: string, codec: unknown): StreamStatus {
  const broadcast = new Directory().claim(name, 'recorder')
  const video = { codec: codec as string, width: 640, height: 360, action: 'copy' as const }
  broadcast.beginEpoch({ epoch: 0, at: 0, video, audio: { codec: 'none', action: 'silence' } })
  return statusOf(broadcast, playbackLinks('http://127.0.0.1', name))
}

it('a stream that cannot be told is left out, and the others are told', () => {
  const circle: Record<string, unknown> = {}
  circle.own = circle
  const left: string[] = []
  const streams = [status('good', 'h264'), status('bad', Object), status('round', circle), status('fine', 'vp8')]
  expect(tellable(streams, (name) => left.push(name)).map(({ name }) => name)).toEqual(['good', 'fine'])
  expect(left).toEqual(['bad', 'round'])
})
