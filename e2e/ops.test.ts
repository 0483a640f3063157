import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { startGateway, startLoop } from './support/gateway.ts'
import { castgate } from './support/program.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { ADMIN_KEY } from './support/tokens.ts'
import { NOT_KEPT, until } from './support/wait.ts'

const OPS = fileURLToPath(new URL('../docs/ops', import.meta.url))

function run(program: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: OPS, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

describe('what is in docs/ops', () => {
  it('are alerts that promtool finds right, and that fire when they should', () => {
    expect(run('promtool', 'check', 'rules', 'alerts.yml')).toMatchObject({ status: 0 })
    expect(run('promtool', 'test', 'rules', 'alerts.test.yml')).toMatchObject({ status: 0 })
    expect(readFileSync(`${OPS}/prometheus.yml`, 'utf8')).toContain('alerts.yml')
    const names = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name)
    const alerts = names(readFileSync(`${OPS}/alerts.yml`, 'utf8'), /- alert: (\w+)/g)
    const fired = names(readFileSync(`${OPS}/alerts.test.yml`, 'utf8'), /alertname: (\w+)\n +exp_alerts:\n/g)
    expect(new Set(fired)).toEqual(new Set(alerts))
  })

  it('is a unit that systemd finds well confined', () => {
    // 20 of 100: 2.0 of 10, and "OK" ends at 5.
    const args = ['security', '--offline=true', '--threshold=20', '--no-pager', './castgate.service']
    expect(run('systemd-analyze', ...args)).toMatchObject({ status: 0 })
    const verified = run('systemd-analyze', 'verify', './castgate.service')
    expect(verified.output.split('\n').filter((line) => /castgate\.service:\d+:/.test(line))).toEqual([])
  })

  it('is a unit that reloads, and starts again after any end that was not asked for', async () => {
    const unit = await readFile(`${OPS}/castgate.service`, 'utf8')
    expect(unit).toMatch(/^ExecReload=\/bin\/kill -HUP \$MAINPID$/m)
    expect(unit).toMatch(/^Restart=always$/m)
    // A certificate that is just being renewed, and a disk that is not there yet, are ends of that kind.
    expect(unit).not.toMatch(/^RestartPreventExitStatus/m)
    expect(unit).toMatch(/^StartLimitIntervalSec=0$/m)
  })

  it('is a configuration that the program takes', async () => {
    const environment = { YOUTUBE_KEY: 'x', WEBHOOK_SECRET: 'y', CASTGATE_SECRET: 'z'.repeat(32) }
    const doctor = castgate(['doctor', '--config', `${OPS}/castgate.yaml`], environment)
    expect(await doctor.exited).toBe(0)
    expect(doctor.output().stdout).toMatch(/settings\s+.*castgate\.yaml, with one target/)
    const wrong = castgate(['doctor', '--config', `${OPS}/castgate.yaml`], {
      WEBHOOK_SECRET: 'y',
      CASTGATE_SECRET: 'z',
    })
    expect(await wrong.exited).toBe(2)
    expect(wrong.output().stderr).toMatch(/castgate\.yaml:\d+: the variable YOUTUBE_KEY is not set/)
  })

  it('names files that are there', async () => {
    const dockerfile = await readFile(`${OPS}/Dockerfile`, 'utf8')
    const context = (await readFile(`${OPS}/../../.dockerignore`, 'utf8')).split('\n')
    for (const [, sources = ''] of dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)) {
      for (const source of sources.split(' ')) {
        expect(() => readFileSync(`${OPS}/../../${source}`)).not.toThrow(/ENOENT/)
        expect(context).toContain(`!${source}`)
      }
    }
    const { services } = parse(await readFile(`${OPS}/compose.yaml`, 'utf8')) as {
      services: Record<string, { build?: { context: string; dockerfile: string }; volumes?: string[] }>
    }
    const { context: root, dockerfile: file } = services.gateway?.build ?? { context: '', dockerfile: '' }
    expect(readFileSync(`${OPS}/${root}/${file}`, 'utf8')).toBe(dockerfile)
    const mounted = (services.nginx?.volumes ?? []).filter((volume) => volume.includes('.conf'))
    for (const volume of mounted) expect(readFileSync(`${OPS}/${volume.split(':')[0]}`, 'utf8')).toContain('proxy_pass')
  })

  it('is scraped by a real Prometheus, which then knows every metric of the alerts and the dashboard', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded'], { CASTGATE_ADMIN_KEY: ADMIN_KEY })
    const loop = await startLoop(gateway, 'scraped')
    const directory = await temporaryDirectory()
    const port = await freePort()
    await writeFile(`${directory.path}/key`, ADMIN_KEY)
    await cp(`${OPS}/alerts.yml`, `${directory.path}/alerts.yml`)
    const configuration = (await readFile(`${OPS}/prometheus.yml`, 'utf8'))
      .replace('/etc/prometheus/castgate-admin-key', `${directory.path}/key`)
      .replace('127.0.0.1:8080', `127.0.0.1:${gateway.port}`)
      .replace('scrape_interval: 15s', 'scrape_interval: 1s')
    await writeFile(`${directory.path}/prometheus.yml`, configuration)
    const prometheus = spawn(
      'prometheus',
      [
        `--config.file=${directory.path}/prometheus.yml`,
        `--storage.tsdb.path=${directory.path}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    const exited = new Promise((resolve) => prometheus.once('close', resolve))
    const ask = async (path: string): Promise<unknown> => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, NOT_KEPT).catch(() => null)
      return answer?.ok ? ((await answer.json()) as { data: unknown }).data : null
    }
    const sampleOf = async (query: string) => {
      const data = (await ask(`query?query=${encodeURIComponent(query)}`)) as {
        result: { value: [number, string] }[]
      } | null
      return data?.result[0]?.value[1] ?? null
    }
    try {
      await until('it has scraped', async () => (await sampleOf('castgate_broadcasts{state="live"}')) === '1')
      expect(await sampleOf('up{job="castgate"}')).toBe('1')
      await until('bytes were counted', async () => Number(await sampleOf('castgate_received_bytes_total')) > 0)
      const known = (await ask('label/__name__/values')) as string[]
      const used = `${await readFile(`${OPS}/alerts.yml`, 'utf8')}${await readFile(`${OPS}/grafana.json`, 'utf8')}`
      const names = new Set([...used.matchAll(/\bcastgate_\w+/g)].map(([name]) => name))
      expect([...names].filter((name) => !known.includes(name))).toEqual([])
      const { groups } = (await ask('rules')) as { groups: { rules: { health: string }[] }[] }
      expect(groups[0]?.rules.length).toBe(9)
    } finally {
      prometheus.kill('SIGTERM')
      await exited
      await loop.stop()
      await gateway.stop()
      await directory.remove()
    }
  })
})
