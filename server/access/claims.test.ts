import { expect, it } from 'vitest'
import { coversStream } from './claims.ts'

it.each([
  ['one', 'one', true],
  ['one', 'One', false],
  ['one', 'one-more', false],
  ['*', 'anything', true],
  ['room-*', 'room-1', true],
  ['room-*', 'room-', true],
  ['room-*', 'a-room-1', false],
  ['*-room', 'my-room', true],
  ['a*b', 'ab', true],
  ['a*a', 'a', false],
  ['a*b*c', 'a1b2c', true],
  ['a*b*c', 'acb', false],
  ['a*bc*c', 'abc', false],
  ['**', 'x', true],
])('the pattern %s against the stream %s: %s', (pattern, name, covered) => {
  expect(coversStream(pattern, name)).toBe(covered)
})
