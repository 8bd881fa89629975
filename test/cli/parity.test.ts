import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCommandLine } from '../../src/cli/args.ts'
import { type ParityCommandOptions, parity } from '../../src/cli/parity.ts'
import {
  firstMs,
  newUrl,
  oldUrl,
  scriptedFetch,
  scriptedJaeger,
  scriptedZipkin,
  shopTraces,
  translated,
} from '../support/trace-backends.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-parity-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const spans = shopTraces(50)

function world(young = translated(spans), abort = new AbortController(), old = spans) {
  let now = 0
  let out = ''
  let err = ''
  const asked: string[] = []
  const slept: { readonly all: number[]; enough: (all: readonly number[]) => unknown } = { all: [], enough: () => {} }
  const answer = scriptedFetch(scriptedZipkin(old), scriptedJaeger(young))
  const io = {
    env: {},
    out: (data: string | Uint8Array) => {
      out += data.toString()
    },
    err: (text: string) => {
      err += text
    },
    drained: async () => {},
    terminal: true,
    stdin: async () => new Uint8Array(),
    takeSignals: () => abort.signal,
    takeHangups: () => {},
  }
  const deps = {
    fetch: async (input: Parameters<typeof fetch>[0], init?: RequestInit) => {
      asked.push(`${init?.method} ${new URL(String(input)).origin}`)
      onAsked()
      init?.signal?.throwIfAborted()
      return answer(input, init)
    },
    monotonicMs: () => now,
    sleep: async (ms: number) => {
      now += ms
      slept.all.push(ms)
      slept.enough(slept.all)
      abort.signal.throwIfAborted()
    },
    nowMs: () => firstMs + 620_000 + now,
  }
  const options: ParityCommandOptions = { format: 'zipkin', old: oldUrl, new: newUrl, set: ['admin.enabled=false', `queue.path=${folder}`] }
  const run = (more: ParityCommandOptions = {}): Promise<number> => parity({ ...options, ...more }, io, deps)
  let onAsked = (): void => {}
  const atRequest = (count: number, act: () => void): void => {
    onAsked = () => {
      if (asked.length === count) act()
    }
  }
  return { run, io, asked, slept, atRequest, out: () => out, err: () => err }
}

describe('parity', () => {
  it('compares the last ten minutes, reads only, and ends with 0', async () => {
    const { run, out, err, asked } = world()
    expect(await run()).toBe(0)
    expect(out()).toMatch(/cart +11-22 11:00–11:10 +50 +50 +50 +0/)
    expect(out()).toContain('parity 100 %: ok (100 %)')
    expect(err()).toContain('reading both sides')
    expect(new Set(asked)).toEqual(new Set([`GET ${oldUrl}`, `GET ${newUrl}`]))
  })

  it('ends with 1 below what is required, and with 0 where less is', async () => {
    const young = translated(spans).slice(1)
    expect(await world(young).run()).toBe(1)
    expect(await world(young).run({ require: '90%' })).toBe(0)
  })

  it('never ends with 0 where there was nothing to compare, whatever is required', async () => {
    const { run, out } = world([], new AbortController(), [])
    expect(await run({ require: '0%' })).toBe(1)
    expect(out()).toContain('neither side has anything in the window')
    expect(await world().run({ require: '0%', key: ['cart', 'chekout'] })).toBe(1)
  })

  it.each([1, 2, 3])('ends with 130 when it is interrupted, at request %i too', async (count) => {
    const abort = new AbortController()
    const { run, atRequest, out } = world(translated(spans), abort)
    atRequest(count, () => abort.abort())
    expect(await run()).toBe(130)
    expect(out()).toBe('')
  })

  it.each([
    [undefined, 600_000],
    ['1m', 60_000],
  ])('goes on with --watch, one window of %s after the other', async (window, ms) => {
    const abort = new AbortController()
    const { run, out, slept } = world(translated(spans), abort)
    slept.enough = (all) => all.filter((one) => one === ms).length === 2 && abort.abort()
    expect(await run({ watch: true, ...(window === undefined ? {} : { window }) })).toBe(130)
    expect(out().match(/^parity /gm)).toHaveLength(2)
  })

  it('compares the services asked for', async () => {
    const { run, out } = world()
    expect(await run({ key: ['CART'], json: true })).toBe(0)
    expect(JSON.parse(out()).items.map(({ key }: { key: string }) => key)).toEqual(['cart'])
  })

  it('judges nothing when the budget is used up, which is no success', async () => {
    const { run, out } = world()
    expect(await run({ budget: '2req', json: true })).toBe(1)
    expect(JSON.parse(out()).items).toEqual([expect.objectContaining({ verdict: 'unjudged', why: expect.stringContaining('budget') })])
  })

  it('writes a page, and keeps the report where a bridge finds it', async () => {
    const { run } = world()
    const html = join(folder, 'parity.html')
    await run({ html, redact: true })
    expect(await readFile(html, 'utf8')).toContain('<title>parity 100 %</title>')
    const { createRunStore } = await import('../../src/parity/runs.ts')
    expect(await createRunStore(join(folder, 'parity')).list()).toEqual([
      expect.objectContaining({ result: 'explained', compared: 150, missing: 0 }),
    ])
  })

  it.each([
    [['--format', 'zipkin', '--new', 'http://x'], 'parity.old'],
    [['--format', 'statsd'], '--format statsd'],
    [['--old', 'http://x', '--new', 'http://y'], 'say which --format'],
    [['--format', 'zipkin', '--old', 'ftp://x', '--new', 'http://y'], '--old ftp://x'],
    [['--format', 'zipkin', '--old', 'http://x', '--new', 'http://y', '--samples', '0'], '--samples 0'],
    [['--format', 'zipkin', '--old', 'http://x', '--new', 'http://y', '--tolerance', 'abs'], '--tolerance abs'],
    [[], 'no format has both sides'],
  ])('ends with 2 for %j', async (args, message) => {
    const { io, err } = world()
    expect(await runCommandLine(['parity', ...args], io)).toBe(2)
    expect(err()).toContain(message)
  })
})
