import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { reportSchema } from '../../dashboards/report/model.ts'
import { runCommandLine } from '../../src/cli/args.ts'
import { convertCommand } from '../../src/cli/convert.ts'
import { closeNow, listenLocally } from '../support/local-server.ts'
import { createTestIo } from './support/test-io.ts'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'convert-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const dashboard = (expr: string, title = 'T'): string =>
  `{\n  "title": ${JSON.stringify(title)},\n  "uid": "u1",\n  "tags": ["team-a"],\n  "schemaVersion": 39,\n  "panels": [{"id": 1, "type": "stat", "title": "P", "datasource": {"type": "prometheus", "uid": "p"}, "targets": [{"refId": "A", "expr": ${JSON.stringify(expr)}}]}]\n}\n`
const rules = (expr: string): string => `# rules\ngroups:\n- name: g\n  rules:\n  - alert: A\n    expr: ${expr} # why\n`
const mappingText =
  'metrics:\n  old_total: {name: new_total}\n  slow_ms: {name: slow_seconds, unit: s, factor: 0.001}\nlabels: {pod: k8s.pod.name}\n'

/** A folder with files in it. */
async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(root, 'in-'))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  return folder
}

async function run(argv: readonly string[], options: { readonly input?: string; readonly env?: Record<string, string> } = {}) {
  const io = createTestIo(Buffer.from(options.input ?? ''), options.env)
  const code = await runCommandLine(['convert', ...argv], io)
  return { code, out: io.stdout(), err: io.stderr() }
}

const treeOf = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()

const mapping = async (): Promise<string> => {
  const file = join(root, 'mapping.yaml')
  await writeFile(file, mappingText)
  return file
}

describe('convert', () => {
  it('writes the result of one input to stdout and the table to stderr', async () => {
    const folder = await folderOf({ 'd.json': dashboard('rate(old_total[5m])') })
    const { code, out, err } = await run(['dashboards', join(folder, 'd.json'), '--mapping', await mapping()])
    expect([code, out]).toEqual([0, dashboard('rate(new_total[5m])')])
    expect(err).toMatch(/d\.json +grafana-dashboard +100\.0 % +0 +1 +0 +0 +0/)
  })

  it('reads stdin, and gives back byte for byte what needs nothing', async () => {
    const text = dashboard('other_total')
    expect(await run(['dashboards', '-'], { input: text })).toMatchObject({ code: 0, out: text })
    expect(await run(['alerts', '-'], { input: rules('other_total > 1') })).toMatchObject({ code: 0, out: rules('other_total > 1') })
  })

  it('mirrors a folder, copies nothing that it does not understand, and lists it', async () => {
    const folder = await folderOf({
      'a/one.json': dashboard('old_total'),
      'a/b/two.json': dashboard('x'),
      'a/three.yaml': rules('old_total'),
      'README.md': '# hello',
      'package.json': '{"name":"x"}',
      'broken.json': '{"panels": [',
    })
    const output = join(folder, '..', `${folder.split('-').at(-1)}-out`)
    const { code, out } = await run(['dashboards', folder, '-o', output, '--mapping', await mapping()])
    expect(code).toBe(0)
    expect(await treeOf(output)).toEqual(['a/b/two.json', 'a/one.json'])
    expect(await readFile(join(output, 'a/one.json'), 'utf8')).toBe(dashboard('new_total'))
    for (const line of [
      'README.md: OBD-F-001',
      'package.json: OBD-F-001',
      'broken.json: OBD-F-001 cannot read JSON',
      'a/three.yaml (prometheus-rules): OBD-F-002',
    ])
      expect(out).toContain(line)
    expect((await run(['dashboards', folder, '-o', output, '--strict'])).code).toBe(1)
    expect((await run(['alerts', folder, '-o', output, '--mapping', await mapping()])).code).toBe(0)
    expect(await readFile(join(output, 'a/three.yaml'), 'utf8')).toBe(rules('new_total'))
  })

  it('tells by its exit code what came of it', async () => {
    const folder = await folderOf({ 'good.json': dashboard('x'), 'bad.json': dashboard('rate(x['), 'none.json': '{"a":1}' })
    const at = (name: string): string => join(folder, name)
    const code = async (...argv: string[]): Promise<number> => (await run(argv)).code
    expect(await code('dashboards', at('good.json'))).toBe(0)
    expect(await code('dashboards', at('bad.json'))).toBe(1)
    expect(await code('dashboards', at('none.json'))).toBe(3)
    expect(await code('dashboards', at('missing.json'))).toBe(3)
    expect(await code('dashboards', at('good.json'), '--min-score', '1')).toBe(0)
    expect(await code('dashboards', at('bad.json'), '--lenient', '--min-score', '0.9')).toBe(1)
    expect(await code('dashboards', at('good.json'), '--min-score', '2')).toBe(2)
    expect(await code('dashboards', at('good.json'), '--from', 'nonsense')).toBe(2)
    expect(await code('dashboards', at('good.json'), '--scale', 'nonsense')).toBe(2)
    expect(await code('dashboards', at('good.json'), at('bad.json'))).toBe(2)
    expect(await code('dashboards', 'https://grafana.example/d/x')).toBe(2)
  })

  it('checks and diffs without writing', async () => {
    const folder = await folderOf({ 'a.json': dashboard('old_total'), 'b.json': dashboard('x') })
    const given = ['dashboards', folder, '--mapping', await mapping()]
    expect((await run([...given, '--check'])).code).toBe(1)
    expect((await run(['dashboards', folder, '--check'])).code).toBe(0)
    const { code, out } = await run([...given, '--diff'])
    expect(code).toBe(0)
    expect(out).toBe('--- a.json\n+++ a.json\n@@ $.panels[0].targets[0].expr @@ panel/1/target/A P (exact)\n-old_total\n+new_total\n')
    expect(await treeOf(folder)).toEqual(['a.json', 'b.json'])
  })

  it('never writes over a source unless its folder is named, and leaves nothing half written', async () => {
    const folder = await folderOf({ 'a.json': dashboard('old_total') })
    const file = join(folder, 'a.json')
    const { code, err } = await run(['dashboards', file, '-o', folder, '--mapping', await mapping()])
    expect([code, err]).toEqual([2, expect.stringContaining('it would replace a source')])
    expect(await readFile(file, 'utf8')).toBe(dashboard('old_total'))
    expect((await run(['dashboards', folder, '-o', folder, '--mapping', await mapping()])).code).toBe(0)
    expect(await readFile(file, 'utf8')).toBe(dashboard('new_total'))
    expect(await treeOf(folder)).toEqual(['a.json'])
  })

  it('writes nothing outside of its folder, not even by a link', async () => {
    const folder = await folderOf({ 'sub/a.json': dashboard('x') })
    const [output, elsewhere] = [await mkdtemp(join(root, 'out-')), await mkdtemp(join(root, 'else-'))]
    await symlink(elsewhere, join(output, 'sub'))
    const { code, err } = await run(['dashboards', folder, '-o', output])
    expect([code, err]).toEqual([2, expect.stringContaining('leads out of')])
    expect(await treeOf(elsewhere)).toEqual([])
  })

  it('writes the report in three forms, the JSON as its schema says, the same each time', async () => {
    const hostile = '<script>alert(1)</script>|`$(rm -rf /)`\u202E'
    const folder = await folderOf({
      'a.json': dashboard('rate(old_total{pod="x"}[5m])', hostile),
      'team/b.json': dashboard('rate(x[', 'B'),
    })
    const [first, second] = [await mkdtemp(join(root, 'rep-')), await mkdtemp(join(root, 'rep-'))]
    for (const report of [first, second]) {
      const { code } = await run(['dashboards', folder, '--report', report, '--mapping', await mapping()])
      expect(code).toBe(1)
    }
    const text = async (folder: string, name: string): Promise<string> => readFile(join(folder, name), 'utf8')
    for (const name of ['report.json', 'report.md', 'report.html']) expect(await text(first, name)).toBe(await text(second, name))
    const report = reportSchema.parse(JSON.parse(await text(first, 'report.json')))
    expect(report.sources.map(({ path, title, counts, items }) => [path, title, counts.exact + counts.manual, items.length])).toEqual([
      ['a.json', hostile, 1, 1],
      ['team/b.json', 'B', 1, 1],
    ])
    expect(report.inventory.metrics).toContainEqual({ old: 'old_total', new: 'new_total', k: 1, uses: 1, dashboards: 1 })
    expect(report.scores.tags).toMatchObject([{ name: 'team-a', items: 2 }])
    const [html, markdown] = [await text(first, 'report.html'), await text(first, 'report.md')]
    expect(html).not.toContain('<script>alert')
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(html).toMatch(/<del>old_total<\/del>/)
    expect(html).not.toMatch(/(?:src|href)="https?:/)
    expect(markdown).not.toMatch(/<script|\u202E/)
    expect(markdown).toContain('docs/reference/conversion-codes.md#obd-')
  })

  it('prints the report as JSON', async () => {
    const { out } = await run(['dashboards', '-', '--json'], { input: dashboard('x') })
    expect(reportSchema.parse(JSON.parse(out)).scores.all).toMatchObject({ score: 1, items: 1 })
  })

  it('stops at Ctrl-C between two files', async () => {
    const folder = await folderOf(Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`${at}.json`, dashboard('x')])))
    const output = await mkdtemp(join(root, 'out-'))
    const io = createTestIo()
    const done = runCommandLine(['convert', 'dashboards', folder, '-o', output], io)
    io.interrupt()
    expect(await done).toBe(130)
    expect((await treeOf(output)).length).toBeLessThan(20)
    expect(io.stderr()).toContain('interrupted')
  })

  it('takes one mapping for bridge and dashboards, with faults by their place', async () => {
    const folder = await folderOf({
      'd.json': dashboard('slow_ms > 5'),
      'm.yaml': `${mappingText}targets: {metrics: {strategy: nonsense}}\n`,
    })
    const { code, err } = await run(['dashboards', join(folder, 'd.json'), '--mapping', join(folder, 'm.yaml')])
    expect([code, err]).toEqual([2, expect.stringContaining('targets.metrics.strategy')])
    await writeFile(join(folder, 'bridge.yaml'), `translate: {prometheus: {names: semconv, mapping: ${JSON.stringify(await mapping())}}}\n`)
    const { out } = await run(['dashboards', join(folder, 'd.json'), '--config', join(folder, 'bridge.yaml')])
    expect(out).toContain('slow_seconds')
  })
})

describe('convert URL', () => {
  /** A server of our own: neither Grafana nor Kibana can be run here. */
  async function served(
    answer: (request: IncomingMessage) => string | number,
  ): Promise<{ url: string; asked: string[]; tokens: Set<string> }> {
    const asked: string[] = []
    const tokens = new Set<string>()
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      tokens.add(request.headers.authorization ?? '')
      const found = answer(request)
      if (typeof found === 'number') response.writeHead(found, found === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end()
      else response.end(found)
    })
    const port = await listenLocally(server)
    onTestFinished(() => closeNow(server))
    return { url: `http://127.0.0.1:${port}`, asked, tokens }
  }

  it('reads dashboards out of Grafana, page by page, with the token of the environment, which shows nowhere', async () => {
    const all = Array.from({ length: 21 }, (_, at) => ({
      uid: `u${at}`,
      title: `../../T ${at}`,
      folderTitle: at === 0 ? '../Ops' : undefined,
    }))
    const { url, asked, tokens } = await served(({ url: path = '' }) => {
      if (path.startsWith('/sub/api/search')) return JSON.stringify(path.includes('page=1') ? all.slice(0, 20) : all.slice(20))
      if (path === '/sub/api/datasources') return '[{"uid":"p","name":"P","type":"prometheus","isDefault":true}]'
      if (path.startsWith('/sub/api/dashboards/uid/')) return `{"meta":{},"dashboard":${dashboard('old_total')}}`
      return 404
    })
    const output = await mkdtemp(join(root, 'out-'))
    const io = createTestIo(undefined, { GRAFANA_TOKEN: 'glsa_planted' })
    const options = { output, mapping: await mapping(), report: output }
    const code = await convertCommand('dashboards', [`grafana+${url}/sub/?folder=f1`], options, io, { pageSize: 20 })
    const [out, err] = [io.stdout(), io.stderr()]
    expect(err).toBe('')
    expect(code).toBe(0)
    const tree = await treeOf(output)
    expect(tree).toHaveLength(24)
    expect(tree).toContain('Ops/T-0-u0.json')
    expect([...tokens]).toEqual(['Bearer glsa_planted'])
    expect(asked.filter((one) => one.includes('/search'))).toEqual([
      'GET /sub/api/search?type=dash-db&limit=20&page=1&folderUIDs=f1',
      'GET /sub/api/search?type=dash-db&limit=20&page=2&folderUIDs=f1',
    ])
    expect(asked.every((one) => one.startsWith('GET '))).toBe(true)
    expect(out + err + (await readFile(join(output, 'report.json'), 'utf8'))).not.toContain('planted')
  })

  it('reads one dashboard by its address', async () => {
    const { url, asked } = await served(({ url: path = '' }) => (path === '/api/dashboards/uid/abc' ? dashboard('old_total') : 403))
    const { code, out } = await run(['dashboards', `grafana+${url}/d/abc/slug`, '--mapping', await mapping()])
    expect([code, out]).toEqual([0, dashboard('new_total')])
    expect(asked).toContain('GET /api/dashboards/uid/abc')
  })

  it('exports saved objects of a space of Kibana', async () => {
    const { url, asked, tokens } = await served(
      () => '{"type":"dashboard","id":"k1","attributes":{"title":"K","panelsJSON":"[]"},"references":[]}\n',
    )
    const { out } = await run(['dashboards', `kibana+${url}/s/ops`], { env: { KIBANA_API_KEY: 'key' } })
    expect([asked, [...tokens]]).toEqual([['POST /s/ops/api/saved_objects/_export'], ['ApiKey key']])
    expect(JSON.parse(out)).toMatchObject({ title: 'K' })
  })

  it('reads rules of Prometheus', async () => {
    const answer = {
      status: 'success',
      data: { groups: [{ name: 'g', file: 'f', interval: 60, rules: [{ type: 'recording', name: 'a:b', query: 'old_total' }] }] },
    }
    const { url, asked } = await served(({ url: path }) =>
      path === '/api/v1/metadata' ? '{"status":"success","data":{}}' : JSON.stringify(answer),
    )
    const { out, code } = await run(['alerts', `prometheus+${url}`, '--mapping', await mapping()])
    expect(asked).toEqual(['GET /api/v1/metadata', 'GET /api/v1/rules'])
    expect([code, out]).toEqual([0, expect.stringContaining('new_total')])
  })

  it('fails with 4 where the other side does, follows no redirect, and takes no credentials in a URL', async () => {
    const { url } = await served(({ url: path = '' }) => (path.includes('abc') ? 302 : 401))
    expect(await run(['dashboards', `grafana+${url}`])).toMatchObject({ code: 4, err: expect.stringContaining('GRAFANA_TOKEN') })
    expect((await run(['alerts', `grafana+${url}`])).code).toBe(4)
    expect((await run(['dashboards', `grafana+${url}/d/abc`])).code).toBe(4)
    const { code, err } = await run(['dashboards', `grafana+${url.replace('//', '//me:planted@')}`])
    expect([code, err.includes('planted')]).toEqual([2, false])
  })
})
