import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLab, type Lab, success } from './support/backfill-lab.ts'

let lab: Lab
beforeEach(async () => {
  lab = await createLab()
})
afterEach(() => lab.close())

const limit = { timeout: 60_000 }

/** Lines of a report by their first word. */
const figure = (report: string, word: string): string | undefined => new RegExp(`^  ${word} +([\\d,]+)`, 'm').exec(report)?.[1]

describe('otlp-bridge backfill', limit, () => {
  it('lists its sources and their flags', async () => {
    const { code, stdout } = await lab.run()
    expect(code).toBe(0)
    for (const source of ['jaeger-es', 'zipkin-es', 'elasticsearch', 'prometheus-tsdb', 'files', 'kafka'])
      expect(stdout).toContain(`  ${source} `)
    expect(stdout).toContain('--time-field')
    expect(stdout).toContain('--since <time>')
    const help = await lab.run('jaeger-es', '--help')
    expect(help.stdout).toMatch(/--prefix <text>/)
    expect(help.code).toBe(0)
  })

  it('sends everything once, reports it, and finds the same run by the same command', async () => {
    lab.spans('a.json', 3000)
    const first = await lab.run('files', 'a.json')
    expect(first.stderr).toMatch(/^run [0-9a-f]{16}: 1 slice; a\.json → http:\/\/127\.0\.0\.1:\d+$/m)
    expect(first.stderr).toMatch(/^source=files state=ended done=100\.0% read=3000 .*slices_failed=0 pace=free$/m)
    expect(first.stdout).toContain('complete: everything that was read is accounted for')
    expect(figure(first.stdout, 'acknowledged')).toBe('3,000')
    expect(first.code).toBe(0)
    expect(new Set(lab.received).size).toBe(3000)
    const requests = lab.requests()
    const again = await lab.run('files', 'a.json')
    expect(again.code).toBe(0)
    expect(lab.requests()).toBe(requests)
    expect(figure(again.stdout, 'read')).toBe('3,000')
  })

  it('plans without sending anything, as a table and as JSON', async () => {
    lab.spans('a.json', 2000)
    const { code, stdout } = await lab.run('files', 'a.json', '--plan')
    expect(
      stdout
        .replaceAll(/\d[\d,.]*(?= records|\/s)/g, 'n')
        // Only where several slices would be faster.
        .replace(' with one slice, n/s at the best', '')
        .replace(/run [0-9a-f]{16}/, 'run ID')
        .replace(/:\d+$/m, ':PORT'),
    ).toMatchInlineSnapshot(`
      "part      records   bytes  from  to  slices  note
      ────────  ───────  ──────  ────  ──  ──────  ──────
      a.json          ?  368 kB                 1  zipkin
      ────────  ───────  ──────  ────  ──  ──────  ──────
      1 in all        ?  368 kB                 1
      probe: n records/s; n records were read for it
      run ID → http://127.0.0.1:PORT
      "
    `)
    expect(code).toBe(0)
    const json = JSON.parse((await lab.run('files', 'a.json', '--plan', '--json')).stdout) as Record<string, unknown>
    expect(json).toMatchObject({ source: { kind: 'files' }, added: 0, plan: { slices: 1, groups: [{ name: 'a.json', slices: 1 }] } })
    expect(lab.requests()).toBe(0)
  })

  it('plans in what has appeared since', async () => {
    lab.spans('a.json', 100)
    await lab.run('files', '*.json')
    lab.spans('b.json', 100, 101)
    const { stdout, stderr, code } = await lab.run('files', '*.json')
    expect([code, stderr]).toEqual([0, expect.stringMatching(/2 slices, 1 of them new/)])
    expect(figure(stdout, 'read')).toBe('200')
    expect(lab.received).toHaveLength(200)
  })

  it('finishes the page on Ctrl-C, says how to go on with exit code 130, and goes on without repeating anything', async () => {
    lab.spans('a.json', 12_000)
    let release = (): void => {}
    lab.answer((response, number) => (number < 3 ? success(response) : void (release = () => success(response))))
    const { child, ended, stderr } = lab.start('files', 'a.json')
    await lab.after(3)
    child.kill('SIGINT')
    await expect.poll(stderr, { timeout: 20_000 }).toContain('Stopping: the pages that are out are waited for')
    lab.answer(success)
    release()
    const stopped = await ended
    expect(stopped.code).toBe(130)
    expect(stopped.stderr).toMatch(/Stopped\. The same command goes on where it stands: otlp-bridge backfill files a\.json/)
    expect(stopped.stdout).toContain('not finished')
    const done = await lab.run('files', 'a.json')
    expect(done.code).toBe(0)
    expect(figure(done.stdout, 'resent')).toBe('0')
    expect(lab.received).toHaveLength(12_000)
    expect(new Set(lab.received).size).toBe(12_000)
  })

  it('leaves at once on the second Ctrl-C, and counts the page that was out as sent again', async () => {
    lab.spans('a.json', 12_000)
    lab.answer((response, number) => (number < 3 ? success(response) : undefined))
    const { child, ended, stderr } = lab.start('files', 'a.json')
    await lab.after(3)
    child.kill('SIGINT')
    await expect.poll(stderr, { timeout: 20_000 }).toContain('Stopping')
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    lab.answer(success)
    const { code, stdout } = await lab.run('files', 'a.json', '--json')
    const report = JSON.parse(stdout) as { acknowledged: number; resent: number; balanced: boolean }
    expect(code).toBe(0)
    expect(report).toMatchObject({ acknowledged: 12_000, balanced: true })
    expect(report.resent).toBeGreaterThan(0)
    expect(report.resent).toBeLessThanOrEqual(2000)
    expect(new Set(lab.received).size).toBe(12_000)
  })

  it('refuses a changed mapping and says what has changed; --continue goes on, --rebuild begins anew', async () => {
    lab.spans('a.json', 100)
    await lab.run('files', 'a.json')
    const changed = ['files', 'a.json', '--set', 'translate.semconv=legacy']
    const refused = await lab.run(...changed)
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('translate.semconv: was the default, is "legacy"')
    const sent = lab.received.length
    expect((await lab.run(...changed, '--continue')).code).toBe(0)
    expect(lab.received).toHaveLength(sent)
    expect((await lab.run(...changed, '--rebuild')).code).toBe(0)
    expect(lab.received).toHaveLength(2 * sent)
  })

  it('refuses what a mapping file says otherwise than when the run was begun', async () => {
    lab.spans('a.json', 10)
    const file = join(lab.folder, 'mapping.yaml')
    const words = ['files', 'a.json', '--set', `translate.prometheus.mapping=${file}`]
    writeFileSync(file, 'labels: { zone: cloud.availability_zone }\n')
    expect((await lab.run(...words)).code).toBe(0)
    writeFileSync(file, 'labels: { zone: zone }\n')
    const refused = await lab.run(...words)
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('translate.prometheus.mapping (contents): was ')])
  })

  it('ends with 4 when the destination takes nothing, and goes on later', async () => {
    lab.spans('a.json', 100)
    lab.answer((response) => void response.writeHead(401).end('who are you'))
    const refused = await lab.run('files', 'a.json')
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringMatching(/401/)])
    lab.answer(success)
    expect((await lab.run('files', 'a.json')).code).toBe(0)
    expect(lab.received).toHaveLength(100)
  })

  it('ends with 1 when items were refused, tells which, and retry-failed --dead sends them when that is mended', async () => {
    lab.spans('a.json', 10)
    lab.answer((response) => void response.writeHead(400, { 'content-type': 'text/plain' }).end('no good'))
    const { code, stdout } = await lab.run('files', 'a.json')
    expect(code).toBe(1)
    expect(stdout).toContain('done, with losses')
    expect(figure(stdout, 'acknowledged')).toBe('0')
    const dead = await lab.run('status', '--dead', '--json')
    const letters = dead.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { reason: string; items: number; signal?: string })
    expect(letters.reduce((sum, { items }) => sum + items, 0)).toBe(10)
    lab.answer(success)
    const retried = await lab.run('retry-failed', '--dead')
    expect([retried.code, retried.stdout]).toEqual([0, '10 items sent, 0 refused again\n'])
    expect(new Set(lab.received).size).toBe(10)
    expect((await lab.run('report')).code).toBe(0)
  })

  it('writes files instead, split and packed as asked for', async () => {
    lab.spans('a.json', 500)
    const { code } = await lab.run('files', 'a.json', '--to-file', 'out', '--compress', 'none')
    const names = readdirSync(join(lab.folder, 'out'))
    const spans = names
      .flatMap((name) =>
        readFileSync(join(lab.folder, 'out', name), 'utf8')
          .trim()
          .split('\n'),
      )
      .reduce((sum, line) => sum + (line.match(/"spanId"/g)?.length ?? 0), 0)
    expect([code, spans, lab.requests()]).toEqual([0, 500, 0])
  })

  it('serves metrics while it goes on', async () => {
    lab.spans('a.json', 6000)
    let release = (): void => {}
    lab.answer((response, number) => (number < 2 ? success(response) : void (release = () => success(response))))
    const { ended, stderr } = lab.start('files', 'a.json', '--metrics-port', '0')
    await lab.after(2)
    await expect.poll(stderr, { timeout: 20_000 }).toMatch(/^metrics: http/m)
    const text = await (await fetch(/^metrics: (\S+)$/m.exec(stderr())?.[1] ?? '')).text()
    expect(text).toMatch(/^otlp_bridge_backfill_slices\{source="files",state="running"\} 1$/m)
    expect(text).toMatch(/^otlp_bridge_backfill_items_total\{source="files",result="acknowledged",reason=""\} [1-9]\d*$/m)
    lab.answer(success)
    release()
    expect((await ended).code).toBe(0)
  })

  it('is not content with a part that was asked for and cannot be read, nor troubled by one that is empty', async () => {
    lab.spans('a.json', 100)
    writeFileSync(join(lab.folder, 'b.json'), Buffer.from([0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8, 0xf7]))
    const { code, stderr } = await lab.run('files', 'a.json', 'b.json')
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^not read: cannot read b\.json: /m)])
    expect(lab.received).toHaveLength(100)
    writeFileSync(join(lab.folder, 'c.json'), '')
    expect((await lab.run('files', 'c.json')).code).toBe(0)
  })

  it('does slices again that lost something, where the loss is named', async () => {
    lab.spans('a.json', 10)
    lab.answer((response) => void response.writeHead(400, { 'content-type': 'text/plain' }).end('out of order'))
    expect((await lab.run('files', 'a.json')).code).toBe(1)
    lab.answer(success)
    expect((await lab.run('retry-failed')).stdout).toMatch(/^0 slices/)
    expect((await lab.run('retry-failed', '--reason', 'out_of_order')).stdout).toMatch(/^1 slice /)
    expect((await lab.run('files', 'a.json')).code).toBe(0)
    expect(lab.received).toHaveLength(10)
  })

  it('leaves no ledger behind when nothing can be planned', async () => {
    const { code, stderr } = await lab.run('files', 'missing.json')
    expect(code).toBe(3)
    expect(stderr).toContain('OB_SOURCE: cannot read missing.json: there is no such file')
    expect(existsSync(join(lab.folder, 'otlp-bridge-data'))).toBe(false)
  })

  it.each([
    [['nonsense'], /cannot fill in from nonsense: sources: /],
    [['jaeger-ess'], /did you mean jaeger-es\?/],
    [['files', 'a.json', '--since', 'yesterday'], /cannot use --since yesterday/],
    [['files', 'a.json', '--split', '1GB'], /--split without --to-file/],
    [['jaeger-es'], /--url: is required/],
    [['files', 'a.json', '--nope'], /unknown option '--nope'/],
    [['report', '--run', 'abc'], /cannot find the run abc/],
  ])('%j is wrong use: exit code 2', async (words, message) => {
    lab.spans('a.json', 1)
    const { code, stderr } = await lab.run(...words)
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
  })

  it('shows no secret, in no place', async () => {
    const words = ['jaeger-es', '--url', 'http://elastic:s3cret@127.0.0.1:1', '--header', 'X-Key: s3cret', '--timeout', '1s', '--plan']
    const { child, ended } = lab.start(...words)
    const stop = setTimeout(() => child.kill('SIGINT'), 3000)
    const { stdout, stderr } = await ended
    clearTimeout(stop)
    expect(stdout + stderr).not.toContain('s3cret')
    const folder = join(lab.folder, 'otlp-bridge-data/backfill')
    const files = existsSync(folder) ? readdirSync(folder) : []
    for (const name of files) expect(readFileSync(join(folder, name), 'latin1')).not.toContain('s3cret')
  })
})

describe('otlp-bridge backfill verify', limit, () => {
  it('is 0 when the source has what was read, by numbers and by contents', async () => {
    lab.spans('a.json', 300)
    await lab.run('files', 'a.json')
    for (const flags of [[], ['--deep']]) {
      const { code, stdout } = await lab.run('verify', ...flags)
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^run [0-9a-f]{16}, 1 slice: 1 complete$/m)])
    }
    const status = JSON.parse((await lab.run('status', '--json')).stdout) as { runs: { state: string; slices: object }[] }
    expect(status.runs).toMatchObject([{ state: 'complete', slices: { verified: 1 } }])
  })

  it('is 1 while something is not done', async () => {
    lab.spans('a.json', 300)
    lab.answer((response) => void response.writeHead(401).end())
    await lab.run('files', 'a.json')
    const { code, stdout } = await lab.run('verify')
    expect([code, stdout]).toEqual([1, expect.stringMatching(/1 not done/)])
  })
})
