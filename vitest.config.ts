import { defineConfig } from 'vitest/config'

/** Tests in which pages capture and players play in real time: two of them at once are too much for two processors. */
const LIVE = [
  'camera-off',
  'chaos',
  'devices',
  'epochs',
  'other-players',
  'player',
  'studio-connection',
  'watch',
  'whip',
].map((name) => `e2e/${name}.test.ts`)

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,client,server,scripts}/**/*.test.ts'],
          environment: 'node',
          // What waits for longer is stuck.
          testTimeout: 60_000,
          expect: { poll: { timeout: 60_000 } },
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          exclude: LIVE,
          globalSetup: ['e2e/setup.ts'],
          maxWorkers: 2,
          // After the unit tests, which take what processors there are.
          sequence: { groupOrder: 1 },
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'live',
          include: LIVE,
          globalSetup: ['e2e/setup.ts'],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
