import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { watcherConverter } from '../../../dashboards/rules/watcher.ts'
import { isWatch, readWatchText } from '../../../dashboards/rules/watcher-read.ts'
import { alertContext, alertIndices, faultsOf } from '../../support/dashboards/alerts.ts'
import { watchCases } from '../../support/dashboards/watcher-cases.ts'

const context = (files: Readonly<Record<string, string>> = {}, options = {}) => alertContext({ indices: alertIndices, ...options }, files)
const converted = (watch: unknown, ...rest: Parameters<typeof context>) =>
  watcherConverter.convert({ path: 'watches/mine.json', text: typeof watch === 'string' ? watch : JSON.stringify(watch) }, context(...rest))

const caseOf = (name: string) => watchCases.find((one) => one.name === name)?.watch ?? {}
const hits = caseOf('compare the number of hits')

describe('watcherConverter', () => {
  it.each(watchCases)('converts $name', ({ watch, status, expr }) => {
    const [item] = converted(watch).items
    expect(item).toMatchObject({ status, after: expr })
    expect(faultsOf(item?.afterLanguage, expr ?? 'vector(1)')).toEqual([])
  })

  it('takes wrapped watches, hits of the index of watches, and those that are switched off', () => {
    expect(converted({ _id: 'w1', watch: hits }).items[0]).toMatchObject({ id: 'rule/w1', status: 'exact' })
    const found = {
      hits: {
        hits: [
          { _id: 'a', _source: hits },
          { _id: 'b', _source: hits, status: { state: { active: false } } },
        ],
      },
    }
    const made = converted(found)
    expect(made.items.map(({ id }) => id)).toEqual(['rule/a', 'rule/b'])
    expect(made.files.map(({ path }) => path)).toEqual(['watches/mine.loki.yaml', 'watches/mine.loki.paused.yaml'])
  })

  it('writes a query without its condition only as a comment, whatever is accepted', () => {
    const program = caseOf('a program')
    for (const options of [{ acceptApproximate: true }, { rulesTo: 'grafana-alerts' }]) {
      const made = converted(program, {}, options)
      expect(made.files.map(({ path }) => path)).toEqual(['watches/mine.loki.paused.yaml'])
      expect(parse(made.files[0]?.text ?? '')).toEqual({ groups: [] })
      expect(made.files[0]?.text).toContain('UNFINISHED')
    }
  })

  it('reads a stored script that lies beside it', () => {
    const watch = { ...hits, condition: { script: { id: 'cond' } } }
    const script = JSON.stringify({ script: { lang: 'painless', source: 'ctx.payload.hits.total > 4' } })
    expect(converted(watch, { 'scripts/cond.json': script }).items[0]).toMatchObject({
      status: 'exact',
      after: expect.stringMatching(/> 4$/),
    })
    expect(converted(watch).items[0]).toMatchObject({ status: 'manual' })
    expect(converted({ ...hits, condition: { script: { id: '../../etc/passwd' } } }).items[0]).toMatchObject({ status: 'manual' })
  })

  it('says that whole numbers are divided otherwise', () => {
    const chain = caseOf('a script that divides two totals')
    const [item] = converted({ ...chain, condition: { script: 'ctx.payload.bad.hits.total / ctx.payload.all.hits.total >= 1' } }).items
    expect(item?.notes.map(({ text }) => text)).toContain('the script divides whole numbers and drops the rest; the query does not')
  })

  it('makes annotations of the first texts, with what an alert can name', () => {
    const actions = {
      mail: {
        email: {
          to: ['a@b.test'],
          subject: '{{ctx.watch_id}}: {{ctx.payload.hits.total}} over {{ctx.metadata.limit}}',
          body: { text: 'x {{#ctx.payload.hits.hits}}{{_id}}{{/ctx.payload.hits.hits}}' },
        },
      },
      store: { index: { index: 'seen' }, throttle_period: '5m' },
    }
    const made = converted({ ...hits, metadata: { limit: 3 }, actions })
    const file = parse(made.files[0]?.text ?? '') as { groups: { rules: { annotations: unknown; labels: unknown }[] }[] }
    expect(file.groups[0]?.rules[0]).toMatchObject({
      labels: { watcher_actions: 'mail,store' },
      annotations: { summary: 'mine: {{ $value }} over 3', description: 'x [_id]' },
    })
    expect(made.items[0]?.notes.map(({ code }) => code)).toEqual(expect.arrayContaining(['OBD-A-005', 'OBD-A-028', 'OBD-A-004']))
    expect(made.parts[0]).toMatchObject({ kind: 'receiver', after: expect.stringContaining('repeat_interval: 5m') })
    expect(JSON.stringify(made)).not.toContain('a@b.test')
  })

  it('never shows a secret', () => {
    const secret = 'hunter2'
    const watch = {
      ...hits,
      metadata: { password: secret, xpack: { token: secret } },
      input: {
        http: {
          request: {
            host: 'h',
            auth: { basic: { username: 'u', password: secret } },
            headers: { Authorization: `Bearer ${secret}${secret}` },
          },
        },
      },
      actions: {
        hook: { webhook: { url: `https://u:${secret}@example.test/x`, body: secret, auth: { basic: { password: secret } } } },
        slack: { slack: { account: 'x', message: { text: `go to https://hooks.slack.test/services/${secret}/y` } } },
      },
    }
    expect(JSON.stringify(converted(watch))).not.toContain(secret)
    expect(JSON.stringify(converted({ ...watch, input: hits['input'] }))).not.toContain(secret)
  })

  it.each([
    ['nothing', ''],
    ['no JSON', '{"trigger": '],
    ['deep', `{"trigger":{},"input":${'['.repeat(100_000)}`],
    ['strange values', '{"trigger":{"schedule":[]},"input":{"search":{"request":{"body":7}}},"condition":[]}'],
    [
      'prototypes',
      '{"__proto__":{"x":1},"trigger":{"schedule":{"interval":"1m"}},"input":{"search":{"request":{"indices":{},"body":{"query":{"__proto__":{}},"aggs":{"__proto__":1}}}}},"condition":{"compare":{"ctx.payload.aggregations.__proto__.value":{"gt":1},"__proto__":{}}}}',
    ],
    ['braces without an end', '{"trigger":{{{{{{{{,"input":"""'],
  ])('survives hostile files: %s', (_name, text) => {
    expect(() => converted(text)).not.toThrow()
  })
})

describe('readWatchText', () => {
  it('reads past what people write into files of watches', () => {
    const text = `PUT _watcher/watch/x
{
  // the schedule
  "trigger": {"schedule": {"interval": "1m"}}, # each minute
  "input": {"search": {"request": {"body": {"size": {{ctx.metadata.size}}, "query": {{{ctx.metadata.query}}}, "from": "{{ctx.metadata.x}} // no comment"}}}},
  /* a program */
  "condition": {"script": {"source": """
     return ctx.payload.hits.total > 3 && "x" != "{{";
  """}}
}`
    const read = readWatchText(text)
    expect(read?.repairs).toEqual(['a request line', 'a comment', 'Mustache outside of a text', 'text in triple quotes'])
    expect(read?.value).toMatchObject({
      input: {
        search: {
          request: { body: { size: '{{ctx.metadata.size}}', query: '{{{ctx.metadata.query}}}', from: '{{ctx.metadata.x}} // no comment' } },
        },
      },
    })
    expect(isWatch(read?.value)).toBe(true)
  })

  it('leaves JSON as it is, and gives nothing for what is none', () => {
    expect(readWatchText('{"a": "// {{x}}"}')).toEqual({ value: { a: '// {{x}}' }, repairs: [] })
    expect(readWatchText('[1]')).toBeUndefined()
    expect(readWatchText('{"a": ')).toBeUndefined()
  })
})
