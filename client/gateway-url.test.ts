import { expect, it } from 'vitest'
import { fromDashboard } from './gateway-url.ts'

it.each([
  ['https://a.example/api/streams/cam/thumbnail.jpg?expires=1', 'api/streams/cam/thumbnail.jpg?expires=1'],
  ['https://a.example/api/streams/recordings/thumbnail.jpg?e=1', 'api/streams/recordings/thumbnail.jpg?e=1'],
  ['https://a.example/api/castgate/api/streams/cam/thumbnail.jpg', 'api/streams/cam/thumbnail.jpg'],
  ['http://127.0.0.1:8080/live/recordings/cam-1.mp4?download=1', 'recordings/cam-1.mp4?download=1'],
])('makes of %s a link that is good where the dashboard is', (link, expected) => {
  expect(fromDashboard(link)).toBe(expected)
})
