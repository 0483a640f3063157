import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { TARGET_STATES, type TargetStatus } from '../../shared/status.ts'
import type { Archive } from '../archive/archive.ts'
import { RECORDING_STATES } from '../archive/entry.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'
import { EVENT_TYPES, type Events } from '../events/events.ts'
import { WEBHOOK_RESULTS } from '../events/webhooks.ts'
import type { Monitor } from './monitor.ts'
import { registerProcessMetrics } from './process-metrics.ts'

/** What is measured. Nothing is named by stream, which would be as many series as there are names. */
export interface MetricsContext {
  directory: Directory
  archive: Archive
  events: Events
  monitor: Monitor
}

/** What of a broadcast only grows, but for targets that are removed. */
interface Counted {
  targetBytes: number
  targetReconnects: number
  targetDroppedFrames: number
  viewerBytes: number
  skippedGops: number
  viewersTooSlow: number
}

/** What becomes of a packet: it came, it came when it was asked for, or never. */
const PACKET_FATES = ['received', 'recovered', 'lost'] as const

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** The gateway's metrics, in the text format of Prometheus. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #received: Counter
  readonly #perBroadcast: Record<keyof Counted, Counter>
  readonly #behind: Histogram
  readonly #chunk: Histogram
  readonly #packets: Counter
  readonly #framesLeftOut: Counter
  /** What was counted of broadcasts that run. */
  readonly #counted = new WeakMap<Broadcast, Counted>()

  constructor({ directory, archive, events, monitor }: MetricsContext) {
    const registers = [this.#registry]
    registerProcessMetrics(this.#registry, monitor.eventLoopLag)
    const gauge = (name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void) =>
      new Gauge({
        name: `castgate_${name}`,
        help,
        labelNames,
        registers,
        collect() {
          this.reset()
          collect(this)
        },
      })
    const counter = (name: string, help: string, labelNames: string[] = []) =>
      new Counter({ name: `castgate_${name}`, help, labelNames, registers })
    const histogram = (name: string, help: string) =>
      new Histogram({ name: `castgate_${name}`, help, buckets: SECONDS, registers })

    /** How many are in each of `states`, which are all told, also those in which nothing is. */
    const byState = (name: string, help: string, label: string, states: readonly string[], read: () => string[]) =>
      gauge(name, help, [label], (metric) => {
        const found = read()
        for (const state of states) metric.set({ [label]: state }, found.filter((each) => each === state).length)
      })

    byState('broadcasts', 'Broadcasts by their state.', 'state', ['live', 'waiting'], () =>
      directory.all().map(({ state }) => state),
    )
    gauge('viewers', 'Viewers by their way to watch.', ['way'], (metric) => {
      const all = directory.all().map(({ audience }) => audience.status())
      for (const way of ['flv', 'flvWebSocket', 'rtmp', 'whep', 'hls', 'llHls'] as const) {
        metric.set(
          { way },
          all.reduce((sum, viewers) => sum + viewers[way], 0),
        )
      }
    })
    byState('targets', 'Targets of broadcasts by their state.', 'state', TARGET_STATES, () =>
      directory.all().flatMap((broadcast) => broadcast.targets().map(({ state }) => state)),
    )
    gauge('queue_bytes', 'Bytes that wait for outputs on the bus.', [], (metric) => {
      metric.set(directory.all().reduce((sum, broadcast) => sum + broadcast.queuedBytes(), 0))
    })
    byState('recordings', 'Recordings by their state.', 'state', RECORDING_STATES, () =>
      archive.list().map(({ state }) => state),
    )
    gauge('disk_free_bytes', 'Free room on the disk of the data directory.', [], (metric) => {
      metric.set(monitor.freeBytes)
    })
    byState('problems', 'What is wrong, as the dashboard says it.', 'severity', ['fault', 'warning'], () =>
      monitor.status().problems.map(({ severity }) => severity),
    )
    const processes = (name: string, help: string, of: (process: { cpu: number; rssBytes: number }) => number) =>
      gauge(name, help, ['use'], (metric) => {
        for (const each of monitor.processes()) metric.inc({ use: each.use }, of(each))
      })
    processes('processes', 'Processes by what they are there for.', () => 1)
    processes('process_cpu_cores', 'Processors that they use.', ({ cpu }) => cpu)
    processes('process_memory_bytes', 'Memory that they use.', ({ rssBytes }) => rssBytes)

    this.#received = counter('received_bytes_total', 'Bytes of media received.')
    this.#perBroadcast = {
      targetBytes: counter('target_bytes_total', 'Bytes sent to targets.'),
      targetReconnects: counter('target_reconnects_total', 'Times that a target was tried again.'),
      targetDroppedFrames: counter('target_dropped_frames_total', 'Frames that targets were too slow for.'),
      viewerBytes: counter(
        'viewer_bytes_total',
        'Bytes of media sent to viewers; what nginx sends itself is not seen.',
      ),
      skippedGops: counter('skipped_gops_total', 'Groups of pictures that viewers over FLV were too slow for.'),
      viewersTooSlow: counter('viewers_too_slow_total', 'Viewers over FLV that were closed since they took nothing.'),
    }
    const recordingDrops = counter('recording_dropped_frames_total', 'Frames that the disk was too slow for.')
    new Counter({
      name: 'castgate_rtmp_server_restarts_total',
      help: 'Times that the RTMP server was started again.',
      registers,
      collect() {
        this.reset()
        this.inc(monitor.rtmpRestarts)
      },
    })
    this.#behind = histogram('behind_seconds', 'How much later than usual frames come, looked at once a second.')
    this.#chunk = histogram('chunk_seconds', 'Time from the arrival of a chunk until FFmpeg took it.')
    const told = counter('events_total', 'Events by their type.', ['type'])
    // A series that begins with its first count would not seem to have grown.
    for (const type of EVENT_TYPES) told.inc({ type }, 0)
    events.listen(({ type, data }) => {
      told.inc({ type })
      if (type === 'recording.stopped') recordingDrops.inc(Number(data.droppedFrames ?? 0))
    })
    this.#packets = counter('webrtc_packets_total', 'Packets of publishers over WebRTC by their fate.', ['fate'])
    for (const fate of PACKET_FATES) this.#packets.inc({ fate }, 0)
    this.#framesLeftOut = counter('webrtc_frames_left_out_total', 'Pictures over WebRTC that were not whole.')
    this.ffmpegLosses = counter('ffmpeg_losses_total', 'Times that an FFmpeg which read a recording was lost.')
    this.webhooks = counter('webhook_deliveries_total', 'Webhooks that were delivered, or given up.', ['result'])
    for (const result of WEBHOOK_RESULTS) this.webhooks.inc({ result }, 0)
  }

  /** How packets over WebRTC came, of a connection that is over. */
  receivedOverWebRtc(counters: { received: number; recovered: number; lost: number; framesLeftOut: number }): void {
    for (const fate of PACKET_FATES) this.#packets.inc({ fate }, counters[fate])
    this.#framesLeftOut.inc(counters.framesLeftOut)
  }

  /** Counted by those who see it happen. */
  readonly ffmpegLosses: Counter
  readonly webhooks: Counter

  /** What to answer to Prometheus: the text, and its type. */
  async text(): Promise<{ type: string; text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() }
  }

  /** A chunk waited so long for FFmpeg. */
  chunkTaken(seconds: number): void {
    this.#chunk.observe(seconds)
  }

  /** A second of a broadcast has gone by. */
  beat(broadcast: Broadcast, { behindMs }: { behindMs: number }, bytes: number): void {
    this.#received.inc(Math.max(0, bytes))
    if (broadcast.state === 'live') this.#behind.observe(behindMs / 1000)
    const now = countOf(broadcast)
    const before = this.#counted.get(broadcast)
    this.#counted.set(broadcast, now)
    for (const [name, counter] of Object.entries(this.#perBroadcast)) {
      const key = name as keyof Counted
      // Less than before where a target was removed.
      counter.inc(Math.max(0, now[key] - (before?.[key] ?? 0)))
    }
  }
}

function countOf(broadcast: Broadcast): Counted {
  const targets = broadcast.targets()
  const sum = (of: (target: TargetStatus) => number) => targets.reduce((all, target) => all + of(target), 0)
  const { skippedGops, closedAsTooSlow } = broadcast.audience.status()
  return {
    targetBytes: sum(({ bytesOut }) => bytesOut),
    targetReconnects: sum(({ reconnects }) => reconnects),
    targetDroppedFrames: sum(({ droppedFrames }) => droppedFrames),
    viewerBytes: broadcast.audience.sentBytes,
    skippedGops,
    viewersTooSlow: closedAsTooSlow,
  }
}
