// A site on Fastify with a gateway inside: at /live, in the same process, for those who are logged in.
import { castgate, signToken } from 'castgate/server'
import Fastify from 'fastify'

const { PORT = '3000', RTMP_PORT = '1935', SECRET, DATA_DIR = './data' } = process.env
// FFmpeg would inherit it.
delete process.env.SECRET
if (!SECRET) {
  console.error('Set SECRET, as of: export SECRET=$(openssl rand -base64 32)')
  process.exit(2)
}

const app = Fastify()

await app.register(castgate, {
  prefix: '/live',
  secret: SECRET,
  rtmp: { kind: 'embedded' },
  rtmpPort: Number(RTMP_PORT),
  dataDir: DATA_DIR,
})

/** Who is logged in; a real site looks at a session. */
function userOf(request) {
  return request.headers.cookie?.match(/user=([a-z]+)/)?.[1] ?? null
}

// The site decides who may broadcast, and under which name.
app.get('/token', async (request, reply) => {
  const user = userOf(request)
  if (user === null) return reply.code(401).send('Log in first.')
  const claims = { stream: user, publish: true, play: false, maxSeconds: 4 * 3600, maxBitrate: 8_000_000 }
  return signToken(SECRET, claims, 300)
})

app.get('/', async (_, reply) =>
  reply.type('text/html').send(`<!doctype html>
    <html lang="en">
      <title>A site of its own</title>
      <script type="module" src="/live/castgate.js"></script>
      <h1>A site of its own</h1>
      <castgate-broadcast stream="anna"></castgate-broadcast>
      <castgate-player stream="anna" muted></castgate-player>
      <script>
        document.querySelector('castgate-broadcast').token = async () => (await fetch('/token')).text()
      </script>
    </html>`),
)

await app.listen({ port: Number(PORT) })
console.log(`http://localhost:${PORT}`)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
