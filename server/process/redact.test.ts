import { expect, it } from 'vitest'
import { redact } from './redact.ts'

it.each([
  ['rtmp://live.example.org/app/secret-key: Connection refused', 'rtmp://live.example.org/app/…'],
  ['Error opening rtmps://user:secret-key@host:443/live2/secret-key?auth=secret-key', 'rtmps://host:443/live2/…'],
  ["Output #0, flv, to 'rtmp://127.0.0.1:1935/live/name?gateway=secret-key':", 'rtmp://127.0.0.1:1935/live/…'],
  ['GET https://user:secret-key@example.org/a.m3u8?token=secret-key failed', 'https://example.org/a.m3u8?…'],
  ['notify: args="name=a&token=secret-key"', 'notify: args="name=a&token=…"'],
  ['the token eyJhbGciOiJub25lIn0.secret-key.secret-key came', 'the token … came'],
  ['nothing to hide', 'nothing to hide'],
])('hides keys and passwords in %s', (text, kept) => {
  expect(redact(text)).toContain(kept)
  expect(redact(text)).not.toContain('secret-key')
})
