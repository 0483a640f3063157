import { type Static, type TSchema, type TSchemaOptions, Type } from 'typebox'
import { ERRORS, type ErrorCode } from '../../shared/errors.ts'
import {
  type PlaybackLinks,
  STREAM_SOURCES,
  type StreamStatus,
  TARGET_SOURCES,
  TARGET_STATES,
  type TargetStatus,
  type ViewerStatus,
} from '../../shared/status.ts'
import { RECORDING_STATES, STOP_REASONS } from '../archive/entry.ts'
import { EVENT_TYPES, type GatewayEvent } from '../events/events.ts'
import type { ErrorBody } from '../http/errors.ts'
import type { ProcessStatus } from '../monitor/monitor.ts'
import type { Problem as ProblemType } from '../monitor/problems.ts'
import type { Beat as BeatType } from '../monitor/pulse.ts'
import type { Preset as PresetType } from '../targets/presets.ts'

/** What the API takes and gives, as JSON Schema: routes check requests against it, answers are written by it, `/api/openapi.json` tells it. */

/** Whether two types are the same: each can be used as the other, and has its fields, no more and no fewer. */
type Same<A, B> = [A, B, keyof A, keyof B] extends [B, A, keyof B, keyof A] ? true : false

/** A schema of values of type `T`. It does not compile where the two differ: a field that a schema lacks would be dropped without a word. */
function describing<T>() {
  return <S extends TSchema>(schema: Same<Static<S>, T> extends true ? S : never): S => schema
}

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

/** In an address, what is no name is not found. */
export const StreamName = Type.String({ description: 'The name of a stream: 1 to 64 letters, digits, "_" or "-".' })

export const StreamParams = Type.Object({ name: StreamName })

export const ApiError = describing<ErrorBody>()(
  Type.Object(
    {
      error: Type.Object({
        code: Type.Unsafe<ErrorCode>({
          type: 'string',
          enum: Object.keys(ERRORS),
          description: 'For programs: see docs/errors.md.',
        }),
        message: Type.String({ description: 'For people: what happened, and what to do.' }),
      }),
    },
    { $id: 'castgate.Error', description: 'What every error looks like.' },
  ),
)

const TrackActionName = oneOf('copy', 'transcode', 'silence')

export const Target = describing<TargetStatus>()(
  Type.Object(
    {
      id: Type.String({ description: 'Tells it from the others of the broadcast.' }),
      name: Type.String(),
      host: nullable(Type.String(), { description: "Where it is; null for the gateway's own RTMP server." }),
      addedBy: oneOf(...TARGET_SOURCES),
      state: oneOf(...TARGET_STATES),
      lastError: nullable(Type.String()),
      bytesOut: count('Bytes sent.'),
      deliveredBytes: count('Bytes that the other end has acknowledged: servers do so in steps of some megabytes.'),
      droppedFrames: count('Frames that it was too slow for.'),
      reconnects: count('How often it was tried again.'),
      liveSince: nullable(moment('When it became live.')),
    },
    {
      $id: 'castgate.Target',
      description:
        'One place that a broadcast is pushed to. Neither its key nor what follows it in a URL is ever told.',
    },
  ),
)

const Playback = describing<PlaybackLinks>()(
  Type.Object(
    { watch: Type.String(), hls: Type.String(), llHls: Type.String(), flv: Type.String(), whep: Type.String() },
    { $id: 'castgate.Playback', description: 'The links of a stream, to share.' },
  ),
)

const Viewers = describing<ViewerStatus>()(
  Type.Object(
    {
      flv: count('Over HTTP-FLV.'),
      flvWebSocket: count("Over HTTP-FLV's bytes in a WebSocket."),
      rtmp: count('Over RTMP.'),
      whep: count('Over WebRTC.'),
      hls: count("Of the RTMP server's HLS."),
      llHls: count("Of the gateway's own, low-latency HLS."),
      skippedGops: count('Groups of pictures that viewers over FLV and RTMP were too slow for.'),
      closedAsTooSlow: count('Viewers over FLV and RTMP that were closed because they took nothing.'),
    },
    { $id: 'castgate.Viewers', description: 'How many watch, by the way in which they do.' },
  ),
)

const BroadcastId = Type.String({ description: 'Tells the broadcast from others of its name; its log lines have it.' })

export const Stream = describing<StreamStatus>()(
  Type.Object(
    {
      id: BroadcastId,
      name: StreamName,
      state: oneOf('live', 'waiting'),
      startedAt: moment('When the broadcast began.'),
      source: oneOf(...STREAM_SOURCES),
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
      advice: nullable(Type.String({ description: 'What is to be changed at the encoder, as a sentence.' })),
      targets: Type.Array(ref(Target)),
      viewers: ref(Viewers),
      playback: ref(Playback),
    },
    { $id: 'castgate.Stream', description: 'A broadcast.' },
  ),
)

export const Streams = Type.Object({ streams: Type.Array(ref(Stream)) })

export const Preset = describing<PresetType>()(
  Type.Object(
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
    {
      $id: 'castgate.Preset',
      description: 'A platform that takes RTMP, and what it says about the streams that it takes.',
    },
  ),
)

export const RecordingId = Type.String({ description: 'The id of a recording.' })

export const Recording = Type.Object(
  {
    id: RecordingId,
    stream: StreamName,
    broadcast: BroadcastId,
    state: oneOf(...RECORDING_STATES),
    startedAt: moment('When it began.'),
    endedAt: nullable(moment('When it ended.')),
    reason: nullable(oneOf(...STOP_REASONS), { description: 'Why it ended; null while it goes on.' }),
    bytes: count('Bytes on the disk.'),
    seconds: nullable(Type.Number({ minimum: 0 }), { description: 'Its length; null until it is ready.' }),
    droppedFrames: count('Frames that are missing because the disk was too slow.'),
    poster: Type.Boolean({ description: 'Whether there is a poster picture.' }),
    uploadedAs: nullable(Type.String(), { description: 'Its name in the bucket that recordings are copied to.' }),
    problem: nullable(Type.String(), { description: 'What went wrong.' }),
    play: nullable(Type.String(), { description: 'Its MP4, for a player. Links are good for six hours.' }),
    download: nullable(Type.String(), { description: 'The same as a file; FLV while it is unfinished.' }),
    posterUrl: nullable(Type.String(), { description: 'Its poster, a JPEG.' }),
  },
  { $id: 'castgate.Recording', description: 'A recording of a broadcast.' },
)

export const Event = describing<GatewayEvent>()(
  Type.Object(
    {
      id: count('Grows with each event, also when the gateway is started anew.'),
      type: oneOf(...EVENT_TYPES),
      at: moment('When it happened.'),
      stream: Type.String({ description: 'The stream that it is about.' }),
      broadcast: Type.String({ description: 'The id of its broadcast, as in the log and in recordings.' }),
      message: Type.String({ description: 'For people.' }),
      data: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Null()]), {
        description: 'What else is known: the target or the recording that it is about.',
      }),
    },
    { $id: 'castgate.Event', description: 'Something that happened.' },
  ),
)

export const Health = Type.Object(
  {
    status: oneOf('ok', 'down'),
    ffmpeg: Type.Optional(Type.Object({ path: Type.String(), version: Type.String() })),
    rtmp: Type.Optional(Type.Object({ kind: oneOf('nginx', 'embedded', 'external'), url: Type.String() })),
    problems: Type.Optional(Type.Array(Type.String(), { description: 'What is missing, for people.' })),
  },
  { $id: 'castgate.Health', description: 'Whether everything that a broadcast needs is there.' },
)

const Beat = describing<BeatType>()(
  Type.Object(
    {
      at: count('Milliseconds since 1970.'),
      bitsPerSecond: count('What came in the second before.'),
      behindMs: count('How much later than usual its newest frame came.'),
      viewers: count('How many watched.'),
    },
    { $id: 'castgate.Beat', description: 'How a broadcast was at a moment.' },
  ),
)

const Problem = describing<ProblemType>()(
  Type.Object(
    {
      severity: oneOf('fault', 'warning'),
      message: Type.String({ description: 'For people.' }),
      stream: nullable(Type.String()),
    },
    {
      $id: 'castgate.Problem',
      description: 'Something that is wrong. A fault: it does not work; a warning: it may not for long.',
    },
  ),
)

const Process = describing<ProcessStatus>()(
  Type.Object(
    {
      pid: count('Its number.'),
      use: Type.String({ description: 'What it is there for.' }),
      stream: nullable(Type.String()),
      output: nullable(Type.String()),
      cpu: Type.Number({ minimum: 0, description: 'Processors: 0.5 is half of one.' }),
      rssBytes: count('Memory.'),
    },
    { $id: 'castgate.Process', description: 'A process of the gateway.' },
  ),
)

const WatchedStream = Type.Object(
  {
    ...Stream.properties,
    thumbnail: nullable(Type.String(), { description: 'A small picture of it; a link that is good for six hours.' }),
    recording: nullable(Type.String(), { description: 'The recording that is made of it.' }),
    beats: Type.Array(ref(Beat), { description: 'Its past, second by second, oldest first.' }),
  },
  { $id: 'castgate.WatchedStream', description: 'A broadcast, with what the dashboard shows of it.' },
)

export const GatewayStatus = Type.Object(
  {
    version: Type.String(),
    startedAt: moment('When the gateway began.'),
    ffmpeg: Type.Object({ path: Type.String(), version: Type.String() }),
    rtmp: Type.Object({ kind: Type.String(), url: Type.String(), problem: nullable(Type.String()) }),
    cpu: Type.Object({
      used: Type.Number({ minimum: 0, description: 'Processors that the gateway and its processes use.' }),
      cores: count('How many there are.'),
    }),
    disk: Type.Object({
      freeBytes: Type.Number({ minimum: 0 }),
      floorBytes: count('What recordings leave alone.'),
    }),
    processes: Type.Array(ref(Process)),
    problems: Type.Array(ref(Problem), { description: 'The worst first.' }),
    streams: Type.Array(ref(WatchedStream)),
  },
  { $id: 'castgate.GatewayStatus', description: 'How a gateway is.' },
)

export const NAMED_SCHEMAS = [
  Beat,
  Problem,
  Process,
  WatchedStream,
  GatewayStatus,
  Event,
  Health,
  Recording,
  Preset,
  ApiError,
  Target,
  Playback,
  Viewers,
  Stream,
]

/** The answers that a route has besides its own: `statuses` are those of errors. */
export function errors<Status extends number>(...statuses: Status[]) {
  const answers = statuses.map((status) => [status, ref(ApiError)])
  return Object.fromEntries(answers) as Record<Status, ReturnType<typeof ref<typeof ApiError>>>
}
