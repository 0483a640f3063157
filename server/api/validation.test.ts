import Fastify from 'fastify'
import { Type } from 'typebox'
import { expect, it } from 'vitest'
import { type Api, checkRequests } from './validation.ts'

it('answers as its schemas say also in an app whose schemas are of another kind', async () => {
  const app = Fastify()
  app.setSerializerCompiler(() => {
    throw new Error('This is no schema of mine.')
  })
  app.register(async (scope) => {
    checkRequests(scope)
    const api: Api = scope.withTypeProvider()
    const params = Type.Object({ number: Type.Integer({ maximum: 9 }) })
    const schema = { params, response: { 200: Type.Object({ number: Type.Integer() }) } }
    api.get('/:number', { schema }, async (request) => ({ number: request.params.number }))
  })
  expect((await app.inject('/7')).json()).toEqual({ number: 7 })
  expect((await app.inject('/10')).json()).toMatchObject({
    message: 'The request cannot be used: address.number must be <= 9.',
  })
  await app.close()
})
