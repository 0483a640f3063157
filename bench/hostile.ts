import { connect } from 'node:net'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { startGateway, startLoop, type TestGateway } from '../e2e/support/gateway.ts'
import {
  claimedPicture,
  crowdedCluster,
  crowdedFragments,
  crowdOfClusters,
  crumbs,
  type HostileMedia,
  jumpingSound,
  paddedHeader,
} from '../e2e/support/hostile-media.ts'
import { ingestUrl } from '../e2e/support/publisher.ts'
import { temporaryDirectory } from '../e2e/support/resources.ts'
import { encodeChunk } from '../shared/chunk.ts'
import { SUBPROTOCOL } from '../shared/limits.ts'

const PROBE = fileURLToPath(new URL('./support/loop-probe.mjs', import.meta.url))
/** How long each attack lasts, in ms, and from how many sockets it comes. */
const ATTACK_MS = 8_000
const SOCKETS = 4
/** What `hellos` allows an address: two in a second. */
const COME_AGAIN_MS = SOCKETS * 500

/** What an attacker sends on a socket that is open, until `isOver`. */
type Attack = (socket: WebSocket, isOver: () => boolean) => Promise<void>

/** The longest turn of the gateway's event loop, while publishers send what is well formed and expensive, and another one broadcasts. */
export async function run(): Promise<void> {
  const directory = await temporaryDirectory()
  const probe = join(directory.path, 'loop')
  const gateway = await startGateway(['--rtmp', 'nginx', '--resume-seconds', '1'], {
    NODE_OPTIONS: `--import ${PROBE}`,
    LOOP_PROBE: probe,
  })
  try {
    const beside = await startLoop(gateway, 'beside')
    // Attackers are on machines of their own, and take no processor from the gateway.
    setPriority(constants.priority.PRIORITY_LOW)
    process.stdout.write(`${'attack'.padEnd(36)} longest turn of the loop, ms
`)
    for (const [name, attack] of Object.entries(ATTACKS)) {
      await longestTurn(probe)
      await under(gateway, attack)
      process.stdout.write(`${name.padEnd(36)} ${(await longestTurn(probe)).toFixed(1).padStart(8)}\n`)
    }
    await beside.stop()
  } finally {
    await gateway.stop()
    await directory.remove()
  }
}

const ATTACKS: Record<string, Attack> = {
  nothing: async (_, isOver) => {
    while (!isOver()) await delay(50)
  },
  'header byte by byte, Matroska': media(paddedHeader('matroska', 60_000)),
  'header byte by byte, MP4': media(paddedHeader('mp4', 60_000)),
  'real recording byte by byte': media(crumbs('chrome-h264.webm', 60_000)),
  'pieces of sound of one byte': media(crowdedCluster()),
  'clusters of one piece': media(crowdOfClusters()),
  'fragments of empty boxes': media(crowdedFragments()),
  'sound that jumps by hours': media(jumpingSound(10, 30)),
  'picture that says to be large': media(claimedPicture(3840, 2160)),
  'pings without end': messages('{"type":"ping"}'),
  'hellos without end': messages(JSON.stringify({ type: 'hello', session: 'x'.repeat(16_000) })),
}

/** Sends a recording; begins another broadcast where that is refused. */
function media({ mimeType, chunks, again }: HostileMedia): Attack {
  return async (socket, isOver) => {
    socket.send(JSON.stringify({ type: 'hello', session: null }))
    socket.send(JSON.stringify({ type: 'epoch', epoch: 0, at: 0, mimeType }))
    const endless =
      again === undefined
        ? chunks
        : {
            *[Symbol.iterator]() {
              yield* chunks
              for (;;) yield again
            },
          }
    let sequence = 0
    for (const payload of endless) {
      if (isOver() || socket.readyState !== WebSocket.OPEN) return
      socket.send(encodeChunk({ epoch: 0, sequence: sequence++, payload }))
      while (socket.bufferedAmount > 1e6 && socket.readyState === WebSocket.OPEN && !isOver()) await delay(1)
    }
    while (!isOver() && socket.readyState === WebSocket.OPEN) await delay(20)
  }
}

function messages(text: string): Attack {
  return async (socket, isOver) => {
    socket.send(JSON.stringify({ type: 'hello', session: null }))
    while (!isOver() && socket.readyState === WebSocket.OPEN) {
      socket.send(text)
      if (socket.bufferedAmount > 1e6) await delay(1)
    }
  }
}

/** Attacks for some seconds: whoever is refused comes again under another name. */
async function under(gateway: TestGateway, attack: Attack): Promise<void> {
  const end = performance.now() + ATTACK_MS
  const isOver = () => performance.now() >= end
  let names = 0
  const attackers = Array.from({ length: SOCKETS }, async (_, index) => {
    while (!isOver()) {
      const socket = new WebSocket(ingestUrl(gateway, `attack-${process.pid}-${index}-${names++}`), [SUBPROTOCOL])
      socket.on('error', () => {})
      await new Promise((resolve) => socket.once('open', resolve).once('close', resolve))
      await attack(socket, isOver)
      socket.terminate()
      await delay(COME_AGAIN_MS)
    }
  })
  await Promise.all(attackers)
}

function longestTurn(probe: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(probe)
    socket.setEncoding('utf8').on('data', (more: string) => {
      text += more
    })
    socket.once('end', () => resolve(Number(text))).once('error', reject)
  })
}
