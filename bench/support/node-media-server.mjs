// A node-media-server as its own documentation starts it: RTMP and HTTP on the ports given.
import NodeMediaServer from 'node-media-server'

const [rtmp, http, store] = process.argv.slice(2)
const server = new NodeMediaServer({
  bind: '127.0.0.1',
  rtmp: { port: Number(rtmp) },
  http: { port: Number(http) },
  store: { path: store },
  webadmin: { enable: false },
})
await server.run()
