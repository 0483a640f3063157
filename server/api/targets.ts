import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { GatewayError } from '../../shared/errors.ts'
import type { Access } from '../access/access.ts'
import { bearerOf } from '../access/credentials.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'
import { PRESETS } from '../targets/presets.ts'
import type { Target as LiveTarget } from '../targets/target.ts'
import type { AddedBy, Targets } from '../targets/targets.ts'
import { errors, oneOf, Preset, ref, StreamName, StreamParams, Target } from './schemas.ts'
import { requireLive } from './streams.ts'
import { type Api, MAX_BODY_BYTES } from './validation.ts'

const TargetBody = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 100, description: 'What people call it.' })),
    preset: Type.Optional(Type.String({ maxLength: 100, description: 'A platform, by its id; or else "url".' })),
    url: Type.Optional(
      Type.String({ maxLength: 2000, description: 'rtmp:// or rtmps://, a host, and the application.' }),
    ),
    key: Type.Optional(Type.String({ maxLength: 1000, description: 'The stream key. It is never told again.' })),
  },
  { additionalProperties: false },
)

const TargetId = Type.String({ minLength: 1, maxLength: 64, description: 'The id of a target.' })
const TargetParams = Type.Object({ name: StreamName, id: TargetId })
const ACTIONS = ['pause', 'resume', 'retry'] as const

/** What the routes of targets need of the gateway. */
export interface TargetContext {
  directory: Directory
  access: Access
  targets: Targets
  /** Whether publishers may send their broadcasts elsewhere. */
  publishersMayAdd: boolean
  /** Whether `session` is that of the publisher of a broadcast. */
  isPublisher(broadcast: Broadcast, session: string): boolean
}

/** Who may change the targets of a broadcast. */
interface Admitted {
  broadcast: Broadcast
  by: AddedBy
}

/**
 * The targets of a broadcast: for those with the admin key, and for its publisher where the operator allows that. A publisher's
 * key is the id of the session, and changes what publishers have added.
 */
export function targetRoutes(api: Api, context: TargetContext): void {
  const { directory, access, targets, publishersMayAdd, isPublisher } = context
  const common = { tags: ['Targets'], security: [{ adminKey: [] }, { session: [] }] }
  const bodyLimit = MAX_BODY_BYTES
  // Before the body, which someone without a key need not send.
  const onRequest = async (request: FastifyRequest) => {
    whoIs(request, String((request.params as { name?: unknown }).name))
  }

  api.get(
    '/api/presets',
    {
      schema: {
        operationId: 'listPresets',
        tags: ['Targets'],
        summary: 'The platforms that can be chosen by name, and whether publishers may choose any',
        response: {
          200: Type.Object({ presets: Type.Array(ref(Preset)), publishersMayAdd: Type.Boolean() }),
          ...errors(429),
        },
      },
    },
    async (_, reply) => {
      reply.header('cache-control', 'no-cache')
      return { presets: [...PRESETS], publishersMayAdd }
    },
  )

  api.post(
    '/api/streams/:name/targets',
    {
      bodyLimit,
      onRequest,
      schema: {
        ...common,
        operationId: 'addTarget',
        summary: 'Sends a broadcast to one more target',
        params: StreamParams,
        body: TargetBody,
        response: { 201: ref(Target), ...errors(400, 401, 403, 404, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const { broadcast, by } = admitted(request, request.params.name)
      return reply.code(201).send(targets.add(broadcast, request.body, by))
    },
  )

  api.delete(
    '/api/streams/:name/targets/:id',
    {
      bodyLimit,
      onRequest,
      schema: {
        ...common,
        operationId: 'removeTarget',
        summary: 'Ends sending a broadcast to a target',
        params: TargetParams,
        response: { 204: Type.Null({ description: 'It has ended.' }), ...errors(400, 401, 403, 404, 415, 429) },
      },
    },
    async (request, reply) => {
      const who = admitted(request, request.params.name)
      await targets.remove(who.broadcast, targetOf(who, request.params.id))
      return reply.code(204).send(null)
    },
  )

  api.post(
    '/api/streams/:name/targets/:id/:action',
    {
      bodyLimit,
      onRequest,
      schema: {
        ...common,
        operationId: 'controlTarget',
        summary: 'Pauses sending to a target, goes on with it, or tries it again at once',
        params: Type.Object({ ...TargetParams.properties, action: oneOf(...ACTIONS) }),
        response: { 200: ref(Target), ...errors(400, 401, 403, 404, 413, 415, 429) },
      },
    },
    async (request) => {
      const { name, id, action } = request.params
      const target = targetOf(admitted(request, name), id)
      if (action === 'pause') target.pause()
      else target.retry()
      return target.status()
    },
  )

  /** @throws GatewayError where the request may not change the targets of `name` */
  function whoIs(request: { raw: IncomingMessage }, name: string): AddedBy {
    const bearer = bearerOf(request.raw)
    const broadcast = directory.get(name)
    if (publishersMayAdd && broadcast !== null && bearer !== null && isPublisher(broadcast, bearer)) return 'publisher'
    access.requireAdmin(bearer)
    return 'operator'
  }

  /** @throws GatewayError where the request may not change the targets of `name`, or nothing is live */
  function admitted(request: { raw: IncomingMessage }, name: string): Admitted {
    const by = whoIs(request, name)
    return { broadcast: requireLive(directory, name), by }
  }

  function targetOf({ broadcast, by }: Admitted, id: string): LiveTarget {
    const target = targets.find(broadcast, id, by)
    if (target) return target
    throw new GatewayError('not_found', 'The broadcast has no such target that could be changed.')
  }
}
