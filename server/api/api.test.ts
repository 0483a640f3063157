import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { validatorsOf } from '../../e2e/support/openapi.ts'
import type { ErrorBody } from '../http/errors.ts'
import { apiDocument, apiOf } from './document.ts'

const ADMIN_KEY = 'the-key-of-these-tests'
const SETTINGS = { adminKey: ADMIN_KEY, secret: 'the-secret-of-these-tests-is-long-enough' }
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

/** What these tests read of an OpenAPI document. */
interface Schema {
  $ref?: string
  type?: string
  enum?: unknown[]
  pattern?: string
  format?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
}
interface Operation {
  operationId: string
  security?: object[]
  parameters?: { name: string; in: 'path' | 'query'; required?: boolean; schema: Schema }[]
  requestBody?: { content: { 'application/json': { schema: Schema } } }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}
interface OpenApi {
  openapi: string
  paths: Record<string, Partial<Record<(typeof METHODS)[number], Operation>>>
  components: { schemas: Record<string, Schema> }
}

const document = (await apiDocument()) as OpenApi
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  METHODS.flatMap((method) => {
    const operation = methods[method]
    return operation ? [{ path, method, operation, title: `${method.toUpperCase()} ${path}` }] : []
  }),
)

const validatorOf = validatorsOf(document)

/** Values that fit `schema`. */
function fitting(schema: Schema): fc.Arbitrary<unknown> {
  const { type, minimum = 0, maximum = 2 ** 40, minLength = 0, maxLength = 100 } = schema
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(fitting))
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.pattern) return fc.stringMatching(new RegExp(schema.pattern))
  switch (type) {
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.integer({ min: minimum, max: Math.min(maximum, 2 ** 50) })
    case 'string':
      return schema.format === 'uri' ? fc.webUrl() : fc.string({ minLength, maxLength })
    case 'array':
      return fc.array(fitting(schema.items ?? {}), { maxLength: 3 })
    case 'object': {
      const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => [name, fitting(field)] as const)
      return fc.record(Object.fromEntries(fields), { requiredKeys: schema.required ?? [] })
    }
    default:
      throw new Error(`The tests make no values of ${JSON.stringify(schema)} yet.`)
  }
}

/** Bodies that fit, bodies with one field of anything, and anything. */
function bodies(schema: Schema): fc.Arbitrary<unknown> {
  const fits = fitting(schema)
  const field = fc.oneof(fc.constantFrom(...Object.keys(schema.properties ?? {}), '__proto__', 'x'), fc.string())
  const spoilt = fc
    .tuple(fits, field, fc.jsonValue())
    .map(([body, name, value]) => Object.assign(Object.create(null), body, { [name]: value }))
  return fc.oneof({ weight: 2, arbitrary: fits }, { weight: 2, arbitrary: spoilt }, fc.jsonValue())
}

/** Pieces of an address. A dot or two would lead to another one. */
const segments = (schema: Schema) =>
  fc
    .oneof(fitting(schema), fc.string({ minLength: 1 }))
    .map((value) => encodeURIComponent(String(value)))
    .filter((text) => !/^\.{1,2}$/.test(text))

let app: FastifyInstance
beforeAll(async () => {
  app = await apiOf(SETTINGS)
})
afterAll(() => app.close())

describe('the API', () => {
  it.each(operations)(
    '$title answers whatever is asked as its description says',
    async (entry) => {
      const { path, method, operation } = entry
      const parameters = operation.parameters ?? []
      const body = operation.requestBody?.content['application/json'].schema
      const fitsBody = body && validatorOf(body)
      await fc.assert(
        fc.asyncProperty(
          fc.record(Object.fromEntries(parameters.map(({ name, schema }) => [name, segments(schema)]))),
          body ? bodies(body) : fc.constant(undefined),
          fc.constantFrom(ADMIN_KEY, ADMIN_KEY, ADMIN_KEY, 'another', null),
          async (values: Record<string, string>, payload, key) => {
            const inPath = path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
            const query = parameters.filter((parameter) => parameter.in === 'query')
            const answer = await app.inject({
              method,
              url:
                query.length > 0 ? `${inPath}?${query.map(({ name }) => `${name}=${values[name]}`).join('&')}` : inPath,
              headers: {
                ...(key !== null && { authorization: `Bearer ${key}` }),
                ...(payload !== undefined && { 'content-type': 'application/json' }),
              },
              ...(payload !== undefined && { payload: JSON.stringify(payload) }),
            })
            const { statusCode } = answer
            const documented = operation.responses[statusCode]
            expect(documented, `${statusCode}: ${answer.payload}`).toBeDefined()
            const [[type, { schema }] = ['', { schema: {} }]] = Object.entries(documented?.content ?? {})
            if (answer.payload !== '' && type.includes('json')) {
              const validate = validatorOf(schema)
              expect(validate(answer.json()) ? null : validate.errors, answer.payload).toBeNull()
            }
            const isGuarded = operation.security?.every((way) => 'adminKey' in way)
            if (isGuarded) expect(statusCode === 401).toBe(key !== ADMIN_KEY)
            if (fitsBody && key === ADMIN_KEY && !fitsBody(payload)) expect(statusCode).toBeGreaterThanOrEqual(400)
          },
        ),
        { numRuns: 60 },
      )
    },
    60_000,
  )

  it('describes itself in OpenAPI 3.1, each operation with a name, an answer and its errors', () => {
    expect(document.openapi).toBe('3.1.0')
    expect(operations.length).toBeGreaterThan(4)
    const names = operations.map(({ operation }) => operation.operationId)
    expect(new Set(names).size).toBe(names.length)
    for (const { operation } of operations) {
      const statuses = Object.keys(operation.responses)
      expect(statuses.some((status) => status.startsWith('2'))).toBe(true)
      // Whoever looks after the gateway asks how it is, however often others ask for something.
      if (operation.operationId !== 'getHealth') expect(statuses).toContain('429')
    }
  })

  it('says in words what is wrong with a request, and where', async () => {
    const send = async (payload: object) =>
      (
        await app.inject({
          method: 'POST',
          url: '/api/tokens',
          headers: { authorization: `Bearer ${ADMIN_KEY}` },
          payload,
        })
      ).json() as unknown
    const wrong = (message: string) => ({ error: { code: 'bad_request', message } })
    expect(await send({ stream: 'x', play: true, ttl: 0 })).toEqual(
      wrong('The request cannot be used: body.ttl must be >= 1.'),
    )
    expect(await send({ stream: 'x', play: true, tll: 60 })).toEqual(
      wrong('The request cannot be used: body must not have "tll".'),
    )
    expect(await send({ stream: 'x' })).toEqual(wrong('"publish" or "play" must be true.'))
  })

  it('answers with the code of what is wrong, and of what Fastify refuses by itself', async () => {
    const headers = { authorization: `Bearer ${ADMIN_KEY}` }
    const answers = [
      await app.inject({
        method: 'POST',
        url: '/api/tokens',
        headers: { ...headers, 'content-type': 'text/csv' },
        payload: 'a',
      }),
      await app.inject({ method: 'POST', url: '/api/tokens', headers, payload: { stream: 'x'.repeat(2_000_000) } }),
      await app.inject({ method: 'POST', url: '/api/tokens', payload: { stream: 'x', play: true } }),
      await app.inject('/api/nowhere'),
      await app.inject({
        method: 'POST',
        url: '/api/streams/none/targets',
        headers,
        payload: { url: 'rtmp://x.example/a/b' },
      }),
    ]
    expect(answers.map((answer) => [answer.statusCode, (answer.json() as ErrorBody).error.code])).toEqual([
      [415, 'unsupported_media'],
      [413, 'too_large'],
      [401, 'unauthorized'],
      [404, 'not_found'],
      [404, 'not_found'],
    ])
  })

  it('has a page to read it, which runs no script but its own', async () => {
    const page = await app.inject('/api/docs')
    expect(page.statusCode).toBe(200)
    expect(page.headers['content-security-policy']).toContain("default-src 'self'")
    expect(page.payload).not.toMatch(/<script>|https?:\/\//)
  })
})
