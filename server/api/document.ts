import Fastify, { type FastifyInstance } from 'fastify'
import { Access } from '../access/access.ts'
import { Limits } from '../access/limits.ts'
import { Origins } from '../access/origins.ts'
import { Viewing } from '../access/viewing.ts'
import { Directory } from '../broadcast/directory.ts'
import { type Config, DEFAULTS } from '../options.ts'
import { VERSION } from '../version.ts'
import { apiRoutes } from './api.ts'
import { errorHandlers } from './errors.ts'

/** The API alone, of a gateway where nothing is live. */
export async function apiOf(settings: Partial<Config> = {}): Promise<FastifyInstance> {
  const config = { ...DEFAULTS, ...settings }
  const app = Fastify()
  errorHandlers(app)
  const access = new Access({ ...config, isPrivate: config.private })
  const limits = new Limits(config.limitsPerAddress, config.limitsInAll)
  const viewing = new Viewing(access, limits, new Origins({ allowed: config.origins, publicUrl: null }))
  const directory = new Directory({ onLive: () => {}, onFault: () => {} })
  await app.register((api) => apiRoutes(api, { version: VERSION, directory, access, limits, viewing, base: () => '' }))
  return app
}

/** The document that describes the API (OpenAPI 3.1): the typed client is made from it. */
export async function apiDocument(): Promise<object> {
  const app = await apiOf()
  try {
    const { payload } = await app.inject('/api/openapi.json')
    return JSON.parse(payload) as object
  } finally {
    await app.close()
  }
}
