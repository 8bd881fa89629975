/**
 * docs/cutover.md as it is written: every command of its runbook, in its order, with each step's way back and forward again, between a real Zipkin
 * and a real Jaeger, while clients send. Days are minutes: by keys of section `verdict`, and `--window 1m` in the place of `10m`.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Overview, overview as overviewSchema } from '../../src/admin/api.ts'
import type { LegacyJson } from '../support/trace-backends.ts'
import { type KeptPeer, startKept } from './cutover-kept.ts'
import { poster, repeatedly, type Sender, shopBody } from './cutover-load.ts'
import { ledger, startTap, type Tap } from './cutover-tap.ts'
import { emitterNeeds, type JaegerPorts, type Language, type Peer, present, root, runEmitter, startJaeger } from './peers.ts'
import { freePorts, freeTcpPort } from './ports.ts'
import { runbookConfig, windows } from './runbook-config.ts'
import { type Role, type RunbookLine, type RunbookStep, readRunbook } from './runbook-page.ts'
import { createShell, type Ran, type RunbookShell } from './runbook-shell.ts'
import { until } from './wait.ts'

const page = await readFile(join(root, 'docs/cutover.md'), 'utf8')
const steps = readRunbook(page)
const password = 'let-me-in'
const authorization = `Basic ${Buffer.from(`ana:${password}`).toString('base64')}`
const headers = { 'content-type': 'application/json' }

interface Sent {
  readonly id: string
  readonly atMs: number
  readonly way: 'bridge' | 'old'
}

/** Which part of what was sent a side has. */
type Part = 'all' | 'some' | 'none'

describe.skipIf(!present('zipkin', 'jaeger-v2', 'node'))('the runbook', () => {
  let folder: string
  let zipkin: KeptPeer
  let jaeger: Peer<JaegerPorts>
  let old: Tap
  let young: Tap
  let front: Tap
  let shell: RunbookShell
  let admin: string
  let zipkinUrl: string
  let child: ChildProcess | undefined
  let ended: Promise<number | null> = Promise.resolve(null)
  const output: string[] = []
  const senders: Sender[] = []
  /** Where the names that clients know lead: to the old side, until somebody points them at the bridge. */
  const names = { shop: '', client: '' }
  /** Traces of the shop that were acknowledged, by way and time. */
  const sent: Sent[] = []
  let pending: readonly Sent[] = []
  /** From then on both sides must have each of them. */
  let bothSinceMs = 0
  let hasFailed = false

  const command = process.env['OTLP_BRIDGE_COMMAND'] ?? join(root, 'bin/otlp-bridge')
  const env = (): NodeJS.ProcessEnv => ({
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(OTEL_|OTLP_BRIDGE_)/.test(name))),
    PATH: `${join(folder, 'bin')}:${process.env['PATH']}`,
  })

  const get = async (path: string): Promise<Response> => fetch(`${admin}${path}`, { headers: { authorization } })
  const overview = async (): Promise<Overview> => overviewSchema.parse(await (await get('/api/v1/overview')).json())
  const reloads = async (): Promise<number> => {
    const text = await (await get('/metrics')).text()
    return [...text.matchAll(/^otlp_bridge_config_reloads_total\{[^}]*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
  }

  const start = async (): Promise<void> => {
    const run = spawn(command, ['serve', '-c', 'bridge.yaml'], {
      cwd: folder,
      env: { ...env(), OTLP_BRIDGE_ADMIN_PASSWORD: password },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [run.stdout, run.stderr]) stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
    ended = new Promise((settle) => run.once('close', settle))
    child = run
    await until('the bridge alive', async () => {
      if (run.exitCode !== null) return true
      return (await get('/health/live')).ok ? true : undefined
    })
    if (run.exitCode !== null) throw new Error(`cannot start the bridge: exit code ${run.exitCode}\n${output.join('')}`)
    known = await reloads()
  }
  const stop = async (): Promise<void> => {
    child?.kill('SIGTERM')
    expect(await ended, output.join('').slice(-4000)).toBe(0)
    child = undefined
  }
  let known = 0
  /** When the bridge looked at a file that changed. */
  const edited = async (): Promise<void> => {
    await until('the file read again', async () => {
      const now = await reloads()
      if (now === known) return undefined
      known = now
      return true
    })
  }

  /** Until nothing waits for either side. */
  const drained = (): Promise<true> =>
    until(
      'both queues empty',
      async () => {
        const rows = (await overview()).endpoints
        const waiting = rows.reduce((sum, one) => sum + one.new.queueItems + (one.old?.queueItems ?? 0), 0)
        return waiting === 0 ? true : undefined
      },
      60_000,
    )

  const has = async (side: 'old' | 'new', id: string): Promise<boolean> => {
    const url = side === 'old' ? `${zipkinUrl}/api/v2/trace/${id}` : `http://127.0.0.1:${jaeger.ports.query}/api/traces/${id}`
    // Whoever is switched off has nothing.
    const reply = await fetch(url).catch(() => undefined)
    const text = (await reply?.text()) ?? ''
    if (reply?.ok !== true) return false
    // A trace of the shop has three spans; zipkin shows each once.
    return (text.match(side === 'old' ? /"parentId":/g : /"refType":"CHILD_OF"/g)?.length ?? 0) >= 2
  }
  /** Those of `ids` that a side lacks; asked for a while, since it may take a moment to show what it has. */
  const lacking = async (side: 'old' | 'new', ids: readonly string[], limitMs = 10_000): Promise<readonly string[]> => {
    const end = Date.now() + limitMs
    for (let left = ids; ; await delay(250)) {
      const still: string[] = []
      for (const id of left) if (!(await has(side, id))) still.push(id)
      left = still
      if (left.length === 0 || Date.now() > end) return left
    }
  }
  const partOf = async (side: 'old' | 'new', ids: readonly string[]): Promise<Part> => {
    const left = (await lacking(side, ids, 3000)).length
    return left === 0 ? 'all' : left === ids.length ? 'none' : 'some'
  }
  /** What each side gets now. */
  const flow = async (): Promise<{ readonly old: Part; readonly new: Part }> => {
    const sinceMs = Date.now()
    await delay(4000)
    const ids = sent.filter(({ atMs, way }) => atMs >= sinceMs + 500 && way === 'bridge').map(({ id }) => id)
    expect(ids.length).toBeGreaterThan(5)
    await drained()
    return { old: await partOf('old', ids), new: await partOf('new', ids) }
  }

  /** `phase new/old` of the endpoint, as `phase ls` says it. */
  const stateNow = async (): Promise<string> => {
    const reply = await get('/api/v1/mirror')
    if (reply.status === 404) return ''
    const { items } = (await reply.json()) as { items: { phase: string; share: { new: number; old: number } }[] }
    return items.map(({ phase, share }) => `${phase} ${share.new * 100}/${share.old * 100}`).join()
  }

  const point = (name: keyof typeof names, way: 'bridge' | 'old'): void => {
    names[name] = way === 'bridge' ? front.url : zipkinUrl
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-runbook-'))
    await mkdir(join(folder, 'bin'))
    await symlink(command, join(folder, 'bin/otlp-bridge'))
    await writeFile(join(folder, 'admin-password'), `${password}\n`)
    const ports = await freePorts(['zipkin', 'bridge', 'admin'], freeTcpPort)
    zipkinUrl = `http://127.0.0.1:${ports.zipkin}`
    admin = `http://127.0.0.1:${ports.admin}`
    ;[zipkin, jaeger] = await Promise.all([
      startKept('zipkin', { ZIPKIN_PORT: String(ports.zipkin) }, `${zipkinUrl}/health`),
      startJaeger(),
    ])
    ;[old, young, front] = await Promise.all([startTap(ports.zipkin), startTap(jaeger.ports.otlpHttp), startTap(ports.bridge)])
    const places = {
      port: ports.bridge,
      admin: ports.admin,
      old: old.url,
      new: young.url,
      newQuery: `http://127.0.0.1:${jaeger.ports.query}`,
      queue: join(folder, 'queue'),
    }
    await writeFile(join(folder, 'bridge.yaml'), runbookConfig(page, places))
    shell = createShell({
      folder,
      env: env(),
      edited,
      watched: windows,
      places: { 'http://localhost:9411': front.url, 'http://localhost:8899': admin, 'http://zipkin-old:9411': zipkinUrl },
      byHand: {
        'systemctl start otlp-bridge': start,
        'systemctl stop otlp-bridge': stop,
        'systemctl reload otlp-bridge': async () => {
          child?.kill('SIGHUP')
          await edited()
        },
        'ssh zipkin-old systemctl stop zipkin': () => zipkin.stop(),
        'ssh zipkin-old systemctl start zipkin': () => zipkin.start(),
      },
    })
    point('shop', 'old')
    point('client', 'old')
    const languages = (['node', 'go', 'python'] as const satisfies Language[]).filter((one) => present(...emitterNeeds(one)))
    senders.push(
      poster('shop', 500, (n) => {
        // The next is made when the one before was taken.
        sent.push(...pending)
        const spans = shopBody(n, 2, Date.now())
        const way = names.shop === front.url ? 'bridge' : 'old'
        pending = [...new Set(spans.map(({ traceId }) => String(traceId)))].map((id) => ({ id, atMs: Date.now(), way }))
        return { url: `${names.shop}/api/v2/spans`, headers, body: JSON.stringify(spans) }
      }),
      repeatedly('clients', 4000, (n) => {
        const language = languages[n % languages.length] ?? 'node'
        return runEmitter(language, {
          DO: 'zipkin',
          SERVICE: `${language}-shop`,
          ZIPKIN_ENCODING: 'json_v2',
          ZIPKIN_URL: `${names.client}/api/v2/spans`,
        })
      }),
    )
  }, 240_000)

  afterAll(async () => {
    await Promise.all(senders.map((one) => one.stop()))
    for (const one of senders) console.log(one.said())
    if (child !== undefined) await stop()
    await Promise.all([front?.close(), old?.close(), young?.close(), jaeger?.stop(), zipkin?.end()])
    await rm(folder, { recursive: true, force: true })
  }, 120_000)

  const ranOf = new Map<RunbookLine, number>()
  /** Repeats what is asked until it says yes. */
  const isQuestion = ({ command: text }: RunbookLine): boolean => /^otlp-bridge (readiness|parity) /.test(text)

  /** Runs the commands of one role; gives the states after each switch, and all that was printed. */
  const play = async (
    step: RunbookStep,
    role: Role,
    after: (line: RunbookLine, ran: Ran) => Promise<void> = async () => {},
  ): Promise<{ readonly states: readonly string[]; readonly text: string }> => {
    const states: string[] = []
    let text = ''
    for (const line of step.lines.filter((one) => one.role === role)) {
      ranOf.set(line, (ranOf.get(line) ?? 0) + 1)
      if (line.command.startsWith('curl ') && line.command.includes('@payload.json'))
        await writeFile(join(folder, 'payload.json'), JSON.stringify(payload()))
      let ran = await shell.run(line)
      const told = (): string => `${line.command}: exit code ${ran.code}\n${ran.stdout}${ran.stderr}`
      if (line.command.endsWith(' --watch')) expect(ran.code, told()).toBe(130)
      else if (role === 'look' && line.command.startsWith('otlp-bridge readiness ')) expect([0, 1], told()).toContain(ran.code)
      else {
        const end = Date.now() + 300_000
        const watch = step.lines.find((one) => one.command.endsWith(' --watch'))
        while (ran.code !== 0 && role !== 'look' && isQuestion(line) && Date.now() < end) {
          // Whoever waits lets the comparison go on.
          await (watch === undefined ? delay(5000) : shell.run(watch))
          ran = await shell.run(line)
        }
        expect(ran.code, told()).toBe(0)
      }
      console.log(`${new Date().toISOString().slice(11, 19)} ${step.name}, ${role}: ${told()}`)
      text += ran.stdout + ran.stderr
      if (/ (phase|share) set /.test(line.command)) states.push(await stateNow())
      await after(line, ran)
    }
    return { states, text }
  }

  /** The first command of a step, when it is too early for it. */
  const tooEarly = async (name: string): Promise<void> => {
    const line = steps.find((one) => one.name === name)?.lines.find(({ command: text }) => / phase set /.test(text))
    if (line === undefined) throw new Error(`there is no switch in ${name}`)
    const before = await stateNow()
    const ran = await shell.run(line)
    expect(ran.code, ran.stdout + ran.stderr).toBe(1)
    expect(ran.stderr).toContain('cannot go from')
    expect(await stateNow()).toBe(before)
  }

  let payloads = 0
  const payload = (): readonly LegacyJson[] =>
    shopBody(600 + payloads++, 1, Date.now()).map((one) => ({ ...one, localEndpoint: { serviceName: 'trial' } }))

  /** The minute that runs is over, and both sides show what they have of it. */
  const minuteOver = (): Promise<void> => delay(60_000 - (Date.now() % 60_000) + 11_000)

  const shadowed = async (): Promise<void> => {
    await until(
      'long enough in shadow',
      async () => {
        const { items } = (await (await get('/api/v1/mirror')).json()) as { items: { since: string }[] }
        return Date.now() - Date.parse(items[0]?.since ?? '') > 61_000 ? true : undefined
      },
      90_000,
    )
  }
  const traces = (): number => [...young.bodies.values()].reduce((sum, { taken }) => sum + taken, 0)
  const all = { old: 'all', new: 'all' }
  /** What came through the bridge since the shop was pointed at it, and is not at a side. */
  const lost = async (side: 'old' | 'new', sinceMs: number): Promise<readonly string[]> => {
    await drained()
    return lacking(
      side,
      sent.filter(({ atMs, way }) => atMs >= sinceMs && way === 'bridge').map(({ id }) => id),
    )
  }
  let throughSinceMs = 0

  const plays: Readonly<Record<string, (step: RunbookStep) => Promise<void>>> = {
    async first(step) {
      await play(step, 'first')
    },
    async 'Step 1'(step) {
      const { text } = await play(step, 'do')
      expect(text).not.toContain('FAIL')
      expect(text).toContain('0 failed')
    },
    async 'Step 2'(step) {
      await play(step, 'do')
      expect(await stateNow()).toBe('shadow 100/100')
      await play(step, 'back')
      expect(child).toBeUndefined()
      await play(step, 'do')
      await tooEarly('Step 6')
      await minuteOver()
      const { text } = await play(step, 'look')
      expect(text).toMatch(/^trial .*100 %/m)
    },
    async 'Step 3'(step) {
      expect((await play(step, 'do')).states).toEqual(['shadow 0/100'])
      const before = traces()
      const through = async (): Promise<void> => {
        const had = ledger(front, old).acknowledged
        point('client', 'bridge')
        await until('a client at the bridge', () => (ledger(front, old).acknowledged > had ? true : undefined), 30_000)
        await drained()
        expect(ledger(front, old).missing).toBe(0)
      }
      await through()
      expect((await play(step, 'look')).text).toMatch(/-shop\b/)
      point('client', 'old')
      expect((await play(step, 'back')).text).toContain('Nothing waits.')
      await through()
      expect(traces()).toBe(before)
    },
    async 'Step 4'(step) {
      point('shop', 'bridge')
      throughSinceMs = Date.now() + 1000
      expect(await flow()).toEqual({ old: 'all', new: 'none' })
      expect((await play(step, 'look')).text).toMatch(/\bweb\b[\s\S]*zipkin_collector\.messages\.http" : [1-9]/)
      point('shop', 'old')
      await delay(1500)
      const before = sent.length
      await delay(3000)
      expect(new Set(sent.slice(before).map(({ way }) => way))).toEqual(new Set(['old']))
      expect(
        await lacking(
          'old',
          sent.slice(before).map(({ id }) => id),
        ),
      ).toEqual([])
      point('shop', 'bridge')
    },
    async 'Step 5'(step) {
      const up = async (): Promise<void> => {
        const { states } = await play(step, 'do', async ({ command: text }) => {
          if (text.includes(' 10% ')) expect(await flow()).toEqual({ old: 'all', new: expect.stringMatching(/none|some/) })
        })
        expect(states).toEqual(['shadow 1/100', 'shadow 10/100', 'shadow 100/100'])
        expect(await flow()).toEqual(all)
      }
      await up()
      expect((await play(step, 'look')).text).toMatch(/No dead letters\./)
      expect((await play(step, 'back')).states).toEqual(['shadow 0/100'])
      expect(await flow()).toEqual({ old: 'all', new: 'none' })
      await up()
      await shadowed()
      bothSinceMs = Date.now()
    },
    async 'Step 6'(step) {
      expect((await play(step, 'do')).states).toEqual(['dual 100/100'])
      expect(await flow()).toEqual(all)
      await tooEarly('Step 8')
      expect((await play(step, 'back')).states).toEqual(['shadow 100/100'])
      expect(await flow()).toEqual(all)
      await tooEarly('Step 6')
      await shadowed()
      expect((await play(step, 'do')).states).toEqual(['dual 100/100'])
      await play(step, 'look')
      expect((await play(step, 'go on')).text).toContain('ready to rely on the new side')
    },
    async 'Step 7'(step) {
      expect((await play(step, 'do')).states).toEqual(['shadow 100/100', 'dual 100/100'])
      expect(await flow()).toEqual(all)
      expect((await play(step, 'look')).text).toMatch(/V13 +pass/)
      await play(step, 'go on')
    },
    async 'Step 8'(step) {
      expect((await play(step, 'do')).states).toEqual(['new-primary 100/100'])
      expect(await flow()).toEqual(all)
      await play(step, 'look')
      expect((await play(step, 'back')).states).toEqual(['dual 100/100'])
      expect(await flow()).toEqual(all)
      expect((await play(step, 'do')).states).toEqual(['new-primary 100/100'])
    },
    async 'Step 9'(step) {
      await play(step, 'look')
      expect((await play(step, 'go on')).text).toContain('ready to switch the old side off')
      expect(await lost('old', throughSinceMs)).toEqual([])
      expect(await lost('new', bothSinceMs)).toEqual([])
      expect(ledger(front, old)).toMatchObject({ missing: 0, refused: 0, repeats: 0 })
    },
    async 'Step 10'(step) {
      const down = async (): Promise<void> => {
        const { states } = await play(step, 'do')
        expect(states).toEqual(['new-primary 100/50', 'new-primary 100/10', 'new-primary 100/0'])
        expect(await flow()).toEqual({ old: 'none', new: 'all' })
      }
      await down()
      await play(step, 'look')
      const { states, text } = await play(step, 'back')
      expect(states).toEqual(['new-primary 100/100'])
      expect(text).toMatch(/share\.old +0% +100%[\s\S]*share\.old +10% +0%/)
      expect(await flow()).toEqual(all)
      await down()
    },
    async 'Step 11'(step) {
      expect((await play(step, 'do')).states).toEqual(['new-only 100/0'])
      expect(await flow()).toEqual({ old: 'none', new: 'all' })
      const before = ledger(front, old)
      const { text } = await play(step, 'look')
      await delay(3000)
      expect((await play(step, 'look')).text).toBe(text)
      const reply = await fetch(`${front.url}/api/v2/services`)
      expect([reply.status, await reply.text()]).toEqual([503, expect.stringContaining(`http://127.0.0.1:${jaeger.ports.query}`)])
      expect((await play(step, 'back')).states.at(-1)).toBe('new-primary 100/100')
      expect(await flow()).toEqual(all)
      expect(ledger(front, old).repeats).toBe(before.repeats)
      expect((await play(step, 'do')).states).toEqual(['new-only 100/0'])
    },
    async 'Step 12'(step) {
      await play(step, 'do')
      expect(await stateNow()).toBe('')
      expect((await flow()).new).toBe('all')
      await play(step, 'look')
      expect((await play(step, 'back')).states.at(-1)).toBe('new-primary 100/100')
      expect(await flow()).toEqual(all)
    },
    async 'Step 13'(step) {
      await play(step, 'do')
      expect(await readFile(join(folder, 'clients.csv'), 'utf8')).toMatch(/web/)
      await play(step, 'go on')
      expect(child).toBeUndefined()
      await play(step, 'back')
      expect(await stateNow()).toBe('new-primary 100/100')
      expect(await flow()).toEqual(all)
    },
    async 'All the way back'(step) {
      const { states, text } = await play(step, 'back')
      expect(states).toEqual(['shadow 100/100'])
      expect(text).toMatch(/new-primary +shadow/)
      expect(await flow()).toEqual(all)
      point('shop', 'old')
      point('client', 'old')
      await delay(5000)
      expect(await lost('new', bothSinceMs)).toEqual([])
      const { books, deadItems } = await overview()
      expect(books.balanced).toBe(true)
      expect(deadItems).toBe(0)
    },
  }

  it.each(steps)(
    '$name $title',
    async (step) => {
      if (hasFailed) throw new Error('a step before failed')
      hasFailed = true
      const run = plays[step.name]
      if (run === undefined) throw new Error(`nobody says what must hold after ${step.title}`)
      await run(step)
      expect(step.lines.filter((line) => !ranOf.has(line)).map((line) => line.command)).toEqual([])
      hasFailed = false
    },
    600_000,
  )

  it('has no step that was forgotten here', () => {
    expect(Object.keys(plays).filter((name) => !steps.some((step) => step.name === name))).toEqual([])
  })
})
