import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { RecorderContainer } from '../../shared/recorder-type.ts'
import { HEADER_LIMIT_BYTES, readRecordingHeader } from './header.ts'

const recording = (name: string) => readFileSync(new URL(`../../e2e/media/${name}`, import.meta.url))

describe('readRecordingHeader', () => {
  it.each([
    ['chrome-h264.webm', { codec: 'h264', width: 1280, height: 720, annexB: true }, { codec: 'opus' }],
    ['chrome-h264.mp4', { codec: 'h264', width: 1280, height: 720 }, { codec: 'opus' }],
    ['chrome-vp8.webm', { codec: 'vp8', width: 640, height: 360 }, { codec: 'opus' }],
    ['chrome-vp9.webm', { codec: 'vp9', width: 640, height: 360 }, { codec: 'opus' }],
    ['firefox-vp8.webm', { codec: 'vp8', width: 640, height: 360 }, { codec: 'opus' }],
    ['chrome-silent.webm', { codec: 'h264', width: 640, height: 360, annexB: true }, null],
    ['chrome-audio-only.webm', null, { codec: 'opus' }],
    ['synthetic-h264-aac.mp4', { codec: 'h264', width: 1280, height: 720 }, { codec: 'aac' }],
  ])('finds the tracks of %s, once enough of it is there', (name, video, audio) => {
    const container: RecorderContainer = name.endsWith('.mp4') ? 'mp4' : 'matroska'
    const bytes = recording(name)
    let needed = 0
    while (readRecordingHeader(container, bytes.subarray(0, needed)).state === 'incomplete') needed++
    expect(needed).toBeLessThan(2000)
    expect(readRecordingHeader(container, bytes.subarray(0, needed))).toEqual({
      state: 'complete',
      tracks: { video, audio },
    })
  })

  it.each<[string, RecorderContainer, Buffer]>([
    ['a playlist as WebM', 'matroska', Buffer.from('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n')],
    ['a playlist as MP4', 'mp4', Buffer.from('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n')],
    ['zeros as WebM', 'matroska', Buffer.alloc(64)],
    ['zeros as MP4', 'mp4', Buffer.alloc(64)],
    ['an MP4 as WebM', 'matroska', recording('chrome-h264.mp4').subarray(0, 4096)],
    ['a WebM as MP4', 'mp4', recording('chrome-h264.webm').subarray(0, 4096)],
    ['a WebM of a strange kind', 'matroska', replaced(recording('chrome-vp8.webm').subarray(0, 4096), 'webm', 'xxxx')],
    ['an unknown codec', 'matroska', replaced(recording('chrome-vp8.webm').subarray(0, 4096), 'V_VP8', 'V_XY8')],
    ['an element without end before the tracks', 'matroska', endlessElement()],
    ['an MP4 that takes its media from elsewhere', 'mp4', withExternalMedia()],
  ])('refuses %s', (_, container, bytes) => {
    expect(readRecordingHeader(container, bytes)).toEqual({ state: 'refused', message: expect.stringMatching(/\.$/) })
  })
})

function replaced(bytes: Buffer, what: string, by: string): Buffer {
  const copy = Buffer.from(bytes)
  copy.write(by, copy.indexOf(what), 'latin1')
  return copy
}

/** A void element of 2^40 bytes in front of the tracks. */
function endlessElement(): Buffer {
  const file = recording('chrome-h264.webm')
  const segmentData = file.indexOf(Buffer.from([0x15, 0x49, 0xa9, 0x66]))
  const endless = Buffer.from([0xec, 0x01, 0, 1, 0, 0, 0, 0, 0])
  return Buffer.concat([file.subarray(0, segmentData), endless, Buffer.alloc(HEADER_LIMIT_BYTES)])
}

/** Clears the flag that says that the media is in the same file. */
function withExternalMedia(): Buffer {
  const bytes = Buffer.from(recording('synthetic-h264-aac.mp4').subarray(0, 4096))
  bytes[bytes.indexOf('url ') + 7] = 0
  return bytes
}
