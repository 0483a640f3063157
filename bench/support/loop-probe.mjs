// Loaded into a process with `node --import`: tells over a socket how long the longest turn of its event loop was, in ms, since it was asked last.
import { createServer } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 1
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()
const server = createServer((socket) => {
  const longest = delay.max / 1e6 - RESOLUTION_MS
  delay.reset()
  socket.end(`${longest}`)
})
// Its own children are started with the same options.
server.on('error', () => {})
server.listen(process.env.LOOP_PROBE).unref()
