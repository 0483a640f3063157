import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Ajv, type ErrorObject } from 'ajv'
import formats from 'ajv-formats'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'

/** An app whose routes have the types of their schemas. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** Largest body that is read, in bytes. */
export const MAX_BODY_BYTES = 16 * 1024

/** Requests are checked as they are: "1" in a body is no number. What stands in an address is text, and is read as what it stands for. */
const ofBody = new Ajv({ verbose: true })
const ofAddress = new Ajv({ verbose: true, coerceTypes: true })
for (const ajv of [ofBody, ofAddress]) formats.default(ajv)

/** Makes `app` check requests by the schemas of its routes. What is wrong is told in words, with its place. */
export function checkRequests(app: FastifyInstance): void {
  app.setValidatorCompiler<object>(({ schema, httpPart }) => (httpPart === 'body' ? ofBody : ofAddress).compile(schema))
  app.setSchemaErrorFormatter(([first], part) => {
    const place = `${part === 'params' ? 'address' : part}${first?.instancePath ?? ''}`.replaceAll('/', '.')
    return new Error(`The request cannot be used: ${place} ${first ? inWords(first) : 'is wrong'}.`)
  })
  // An app that this is a part of may write its answers by schemas of another kind.
  if (app.serializerCompiler) app.setSerializerCompiler(() => JSON.stringify)
}

function inWords({ keyword, message, params, parentSchema }: Partial<ErrorObject>): string {
  switch (keyword) {
    case 'additionalProperties':
      return `must not have "${params?.additionalProperty}"`
    case 'required':
      return `must have "${params?.missingProperty}"`
    case 'enum':
      return `must be one of ${Array.isArray(params?.allowedValues) ? params.allowedValues.join(', ') : ''}`
    case 'pattern':
      return `must be as described: ${String(parentSchema?.description).replace(/\.$/, '')}`
    default:
      return message ?? 'is wrong'
  }
}
