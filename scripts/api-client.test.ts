import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { apiDocument } from '../server/api/document.ts'
import { CLIENT_FILE, clientSource } from './api-client.mjs'

it('the typed client is that of the API as it is now (npm run api-client makes it anew)', async () => {
  expect(readFileSync(CLIENT_FILE, 'utf8')).toBe(clientSource(await apiDocument()))
}, 60_000)
