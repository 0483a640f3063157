import { expect, it, vi } from 'vitest'
import { eachInTurn, Turns } from './turns.ts'

/** Works for so many ms without giving anything else a turn. */
function work(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

it('gives the event loop a turn between steps, however many there are and whoever does them', async () => {
  const turns = new Turns()
  let loops = 0
  let isOver = false
  const count = () => {
    loops++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  // Ten of them with a hundred milliseconds of work each, all of it ready at once.
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      for (let step = 0; step < 100; step++) {
        await turns.next()
        work(1)
      }
    }),
  )
  isOver = true
  // In each turn there is room for five steps at most, and one of those who wait.
  expect(loops).toBeGreaterThan(150)
})

it('lets those who wait go on in their order', async () => {
  const turns = new Turns()
  const order: number[] = []
  void turns.next()
  work(6)
  const all = [1, 2, 3].map(async (who) => {
    await turns.next()
    order.push(who)
  })
  await Promise.all(all)
  expect(order).toEqual([1, 2, 3])
})

it('does each step once, in order, and asks now and then', async () => {
  const turns = new Turns()
  const asked = vi.spyOn(turns, 'next')
  const done: number[] = []
  const items = Array.from({ length: 1000 }, (_, index) => index)
  await eachInTurn(items, turns, (item) => done.push(item))
  expect(done).toEqual(items)
  expect(asked.mock.calls.length).toBe(10)
})
