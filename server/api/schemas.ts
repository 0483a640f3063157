import { type Static, type TSchema, type TSchemaOptions, Type } from 'typebox'

/** What the API takes and gives, as JSON Schema: routes check requests against it, answers are written by it, `/api/openapi.json` tells it. */

/** Stands for a schema that has a name, wherever it is used within another one. */
export function ref<T extends TSchema & { $id?: string }>(schema: T) {
  return Type.Unsafe<Static<T>>({ $ref: `${schema.$id}#` })
}

/** `schema` or null. */
export const nullable = <T extends TSchema>(schema: T, options: TSchemaOptions = {}) =>
  Type.Union([schema, Type.Null()], options)
export const oneOf = <T extends string>(...names: T[]) => Type.Unsafe<T>({ type: 'string', enum: names })
export const count = (description: string) => Type.Integer({ minimum: 0, description })
export const moment = (description: string) => Type.String({ format: 'date-time', description })

export const StreamName = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', description: 'The name of a stream.' })

export const StreamParams = Type.Object({ name: StreamName })

export const ApiError = Type.Object(
  {
    error: Type.Object({
      code: Type.String({ description: 'For programs.' }),
      message: Type.String({ description: 'For people: what happened, and what to do.' }),
    }),
  },
  { $id: 'Error', description: 'What every error looks like.' },
)

const TrackActionName = oneOf('copy', 'transcode', 'silence')

export const Target = Type.Object(
  {
    id: Type.String({ description: 'Tells it from the others of the broadcast.' }),
    name: Type.String(),
    host: nullable(Type.String(), { description: "Where it is; null for the gateway's own RTMP server." }),
    state: oneOf('connecting', 'live', 'retrying', 'failed', 'paused'),
    lastError: nullable(Type.String()),
    bytesOut: count('Bytes sent.'),
    reconnects: count('How often it was tried again.'),
    liveSince: nullable(moment('When it became live.')),
  },
  {
    $id: 'Target',
    description: 'One place that a broadcast is pushed to. Neither its key nor what follows it in a URL is ever told.',
  },
)

const Playback = Type.Object(
  { watch: Type.String(), hls: Type.String(), llHls: Type.String(), flv: Type.String() },
  { $id: 'Playback', description: 'The links of a stream, to share.' },
)

const Viewers = Type.Object(
  {
    flv: count('Over HTTP-FLV.'),
    flvWebSocket: count("Over HTTP-FLV's bytes in a WebSocket."),
    hls: count("Of the RTMP server's HLS."),
    llHls: count("Of the gateway's own, low-latency HLS."),
    skippedGops: count('Groups of pictures that viewers over FLV were too slow for.'),
    closedAsTooSlow: count('Viewers over FLV that were closed because they took nothing.'),
  },
  { $id: 'Viewers', description: 'How many watch, by the way in which they do.' },
)

export const Stream = Type.Object(
  {
    name: StreamName,
    state: oneOf('live', 'waiting'),
    startedAt: moment('When the broadcast began.'),
    source: oneOf('recorder', 'file', 'rtmp'),
    epoch: count('The current run of the recorder, from 0.'),
    video: nullable(
      Type.Object({
        codec: Type.String(),
        width: count('Pixels; 0 until known.'),
        height: count('Pixels; 0 until known.'),
        action: TrackActionName,
      }),
    ),
    audio: nullable(Type.Object({ codec: Type.String(), action: TrackActionName })),
    bytesIn: count('Bytes of media received.'),
    targets: Type.Array(ref(Target)),
    viewers: ref(Viewers),
    playback: ref(Playback),
  },
  { $id: 'Stream', description: 'A broadcast.' },
)

export const Streams = Type.Object({ streams: Type.Array(ref(Stream)) })

export const Preset = Type.Object(
  {
    id: Type.String(),
    title: Type.String(),
    url: Type.String({ description: 'Where it is published to; the stream key goes behind it.' }),
    keyframeSeconds: count('Longest time between keyframes.'),
    videoKbps: count('Highest bitrate of the picture, in kbit/s.'),
    audioKbps: count('Highest bitrate of the sound, in kbit/s.'),
    keyAt: Type.String({ description: 'Where a person finds the key.' }),
    advice: Type.String(),
  },
  { $id: 'Preset', description: 'A platform that takes RTMP, and what it says about the streams that it takes.' },
)

export const NAMED_SCHEMAS = [Preset, ApiError, Target, Playback, Viewers, Stream]

/** The answers that a route has besides its own: `statuses` are those of errors. */
export function errors<Status extends number>(...statuses: Status[]) {
  const answers = statuses.map((status) => [status, ref(ApiError)])
  return Object.fromEntries(answers) as Record<Status, ReturnType<typeof ref<typeof ApiError>>>
}
