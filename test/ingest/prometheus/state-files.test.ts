import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createStateFiles, type StateFiles, type StateSection } from '../../../src/ingest/prometheus/state-files.ts'
import { frameHeadBytes } from '../../../src/ingest/prometheus/state-frames.ts'
import { type Logger, silentLog } from '../../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'

interface Remembered extends StateSection {
  values: string[]
  set(...values: string[]): void
}

const createSection = (name: string, ...values: string[]): Remembered => {
  let revision = values.length
  return {
    name,
    values,
    set(...now) {
      this.values = now
      revision++
    },
    revision: () => revision,
    *save() {
      for (const value of this.values) yield Buffer.from(value)
    },
    load(piece) {
      const value = Buffer.from(piece).toString()
      if (value === 'refused') throw new Error('a value that is none')
      this.values.push(value)
    },
  }
}

let folder: string
let path: string
let opened: StateFiles[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'state-files-'))
  path = join(folder, 'state', 'prometheus')
  opened = []
})

afterEach(async () => {
  vi.useRealTimers()
  for (const files of opened) await files.close()
  await rm(folder, { recursive: true, force: true })
})

const open = async (
  sections: readonly StateSection[],
  { metrics = createMetrics(), log = silentLog }: { metrics?: Metrics; log?: Logger } = {},
): Promise<StateFiles> => {
  const files = createStateFiles({ path, sections, log, metrics })
  opened.push(files)
  await files.open()
  return files
}

/** Reads without writing, as one who starts while another runs. */
const stored = async (name: string): Promise<string[]> => {
  const section = createSection(name)
  const files = await open([section])
  await files.close()
  return section.values
}

const faults = (metrics: Metrics): Record<string, number> =>
  Object.fromEntries(
    [...(metrics.collect().get('otlp_bridge_state_faults_total') ?? [])].flatMap((cell) =>
      'value' in cell ? [[`${cell.labels['section']} ${cell.labels['reason']}`, cell.value]] : [],
    ),
  )

const saves = (metrics: Metrics, outcome: string): number =>
  [...(metrics.collect().get('otlp_bridge_state_saves_total') ?? [])].reduce(
    (sum, cell) => sum + ('value' in cell && cell.labels['outcome'] === outcome ? cell.value : 0),
    0,
  )

const isRoot = process.getuid?.() === 0

describe('createStateFiles', () => {
  it('gives back after a restart what was there at the end', async () => {
    const streams = createSection('streams', 'a', 'b')
    const types = createSection('types', '{"x":1}\n')
    const files = await open([streams, types])
    streams.set('a', 'b', 'c'.repeat(2 ** 20))
    types.set('{"x":2}\n')
    await files.close()
    expect(await stored('streams')).toEqual(['a', 'b', 'c'.repeat(2 ** 20)])
    expect(await stored('types')).toEqual(['{"x":2}\n'])
    expect((await stat(join(path, 'types.state'))).mode & 0o777).toBe(0o600)
  })

  it('starts with nothing where there is nothing, and counts no fault', async () => {
    const metrics = createMetrics()
    const files = await open([createSection('streams')], { metrics })
    expect([files.fault(), faults(metrics)]).toEqual([undefined, {}])
    await files.close()
    expect(saves(metrics, 'saved')).toBe(0)
  })

  it('saves at intervals what has changed, and nothing else', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const metrics = createMetrics()
    const streams = createSection('streams', 'a')
    const types = createSection('types', 't')
    const files = await open([streams, types], { metrics })
    const saved = async (): Promise<number> => {
      await files.save()
      return saves(metrics, 'saved')
    }
    vi.advanceTimersByTime(59_999)
    streams.set('b')
    expect(saves(metrics, 'saved')).toBe(0)
    vi.advanceTimersByTime(1)
    expect(await saved()).toBe(1)
    vi.advanceTimersByTime(60_000)
    expect(await saved()).toBe(1)
    types.set('u')
    vi.advanceTimersByTime(60_000)
    expect(await saved()).toBe(2)
    await files.close()
    expect(vi.getTimerCount()).toBe(0)
    expect(await stored('types')).toEqual(['u'])
  })

  it('saves what changes while it is being saved at the end', async () => {
    const streams = createSection('streams')
    const files = await open([streams])
    streams.set('first')
    const under = files.save()
    streams.set('second')
    await Promise.all([under, files.close()])
    expect(await stored('streams')).toEqual(['second'])
  })

  it('reads what a damaged file still holds, counts the rest, and goes on', async () => {
    const streams = createSection('streams')
    const files = await open([streams])
    streams.set('one', 'two', 'three', 'refused')
    await files.close()
    const file = join(path, 'streams.state')
    const whole = await readFile(file)
    for (let at = 0; at < whole.length; at += 5) {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] as number) ^ 0x55
      await writeFile(file, damaged)
      const metrics = createMetrics()
      const section = createSection('streams')
      await (await open([section], { metrics })).close()
      expect(section.values.filter((one) => !['one', 'two', 'three'].includes(one))).toEqual([])
      expect(section.values.length, `byte ${at}`).toBeGreaterThanOrEqual(2)
      const { 'streams damaged': lost = 0, 'streams torn': torn = 0 } = faults(metrics)
      // The refused piece is one of the damaged, whether it can be read or not.
      expect(section.values.length + lost, `byte ${at}`).toBe(4)
      expect(torn).toBe(at >= whole.length - frameHeadBytes ? 1 : 0)
    }
  })

  it('sets a file aside that is none of ours, says so, and writes its own', async () => {
    await mkdir(path, { recursive: true })
    await writeFile(join(path, 'streams.state'), 'this is not a state')
    const metrics = createMetrics()
    const warn = vi.fn()
    const streams = createSection('streams')
    const files = await open([streams], { metrics, log: { ...silentLog, warn } })
    expect(faults(metrics)).toEqual({ 'streams foreign': 1 })
    expect(warn).toHaveBeenCalledOnce()
    streams.set('new')
    await files.close()
    expect(await readFile(join(path, 'streams.state.aside'), 'utf8')).toBe('this is not a state')
    expect(await stored('streams')).toEqual(['new'])
  })

  it('survives a folder or garbage where a file should be', async () => {
    await mkdir(join(path, 'streams.state'), { recursive: true })
    const metrics = createMetrics()
    const streams = createSection('streams')
    const types = createSection('types')
    const files = await open([streams, types], { metrics })
    expect(faults(metrics)).toEqual({ 'streams unreadable': 1 })
    streams.set('a')
    types.set('t')
    await files.save()
    expect(files.fault()).toMatch(/^cannot save what is remembered of senders \(streams\): /)
    expect(await readdir(path)).not.toContain('streams.state.tmp')
    await rm(join(path, 'streams.state'), { recursive: true })
    await files.save()
    expect(files.fault()).toBeUndefined()
    await files.close()
    expect([await stored('streams'), await stored('types')]).toEqual([['a'], ['t']])
  })

  it('keeps the old file when the new one cannot be written whole, and tries again', async () => {
    const metrics = createMetrics()
    const warn = vi.fn()
    const streams = createSection('streams')
    const files = await open([streams], { metrics, log: { ...silentLog, warn } })
    streams.set('old')
    await files.save()
    let isFull = true
    streams.set('new')
    const save = streams.save.bind(streams)
    streams.save = function* () {
      yield* save()
      if (isFull) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    }
    await files.save()
    await files.save()
    expect(files.fault()).toBe('cannot save what is remembered of senders (streams): ENOSPC: no space left on device, write')
    expect([warn.mock.calls.length, saves(metrics, 'failed')]).toEqual([1, 2])
    expect((await readdir(path)).sort()).toEqual(['state.lock', 'streams.state'])
    const copy = join(folder, 'copy.state')
    await writeFile(copy, await readFile(join(path, 'streams.state')))
    expect((await readFile(copy)).includes('old')).toBe(true)
    isFull = false
    await files.save()
    expect(files.fault()).toBeUndefined()
    await files.close()
    expect(await stored('streams')).toEqual(['new'])
  })

  it('runs without saving where another one writes, reads what there is, and takes over when that one is gone', async () => {
    const streams = createSection('streams')
    const first = await open([streams])
    streams.set('of the first')
    await first.save()
    const other = createSection('streams')
    const second = await open([other])
    expect(other.values).toEqual(['of the first'])
    expect(second.fault()).toBe(`cannot save what is remembered of senders: another process writes to ${path}`)
    other.set('of the second')
    await second.save()
    expect((await readFile(join(path, 'streams.state'))).includes('of the first')).toBe(true)
    await first.close()
    await second.save()
    expect(second.fault()).toBeUndefined()
    await second.close()
    expect(await stored('streams')).toEqual(['of the second'])
  })

  it('has the lock of a process that was killed', async () => {
    const lock = fileURLToPath(new URL('../../../src/ingest/prometheus/state-lock.ts', import.meta.url))
    const script = `const { lockState } = await import(${JSON.stringify(lock)})
      console.log((await lockState(${JSON.stringify(path)})) === undefined ? 'refused' : 'held')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const said = await new Promise<string>((resolve) => child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim())))
    expect(said).toBe('held')
    const streams = createSection('streams')
    const files = await open([streams])
    expect(files.fault()).toMatch(/another process/)
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    await files.save()
    expect(files.fault()).toBeUndefined()
  })

  it.skipIf(isRoot)('says when the folder cannot be written, and saves when it can', async () => {
    await mkdir(path, { recursive: true })
    await chmod(path, 0o500)
    const streams = createSection('streams')
    const files = await open([streams])
    streams.set('a')
    await files.save()
    expect(files.fault()).toMatch(/^cannot save/)
    await chmod(path, 0o700)
    await files.save()
    expect(files.fault()).toBeUndefined()
  })

  it('says when there can be no folder, and lives', async () => {
    await writeFile(join(folder, 'state'), 'a file where the folder should be')
    const streams = createSection('streams')
    const files = await open([streams])
    streams.set('a')
    await files.save()
    expect(files.fault()).toMatch(/^cannot save what is remembered of senders: ENOTDIR|EEXIST/)
    await files.close()
  })

  it('removes what a killed process left half-written', async () => {
    await mkdir(path, { recursive: true })
    await writeFile(join(path, 'streams.state.tmp'), 'half')
    await open([createSection('streams')])
    expect(await readdir(path)).toEqual(['state.lock'])
  })
})
