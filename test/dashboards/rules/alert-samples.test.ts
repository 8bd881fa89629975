/** Samples by others go through: nothing crashes, nothing is lost, all that is written can be read. */

import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { convert } from '../../../dashboards/convert.ts'
import { type Item, scoreOf } from '../../../dashboards/model.ts'
import { alertContext, faultsOf, indicesOf, samples } from '../../support/dashboards/alerts.ts'

const folders = ['elastalert', 'watcher', 'kibana-rules'] as const
const all = folders.flatMap((folder) => samples(folder).map((source) => ({ ...source, folder })))

/** What somebody who knows the indices says of them. */
const mapped = indicesOf(
  Object.fromEntries(
    [
      'logstash-*',
      'logstash-http-request-*',
      'elastalert',
      'logs',
      'log',
      'connection',
      'monitoring-es-test',
      'dv-logs',
      'metricbeat-*',
    ].map((name) => [name, { selector: `{service_name="${name.replace(/\W/g, '')}"}` }]),
  ),
)

/** Rules of a file, found without the converters. */
function rulesIn(text: string): number {
  if (/^type:/m.test(text)) return text.match(/^type:/gm)?.length ?? 0
  return (text.match(/"alertTypeId"/g)?.length ?? 0) + (text.match(/"trigger"\s*:/g)?.length ?? 0)
}

const run = (source: (typeof all)[number], options = {}) => convert(source, undefined, 'alerts', alertContext(options))

async function scores(options: object): Promise<Record<string, number>> {
  const items = new Map<string, Item[]>()
  for (const source of all)
    items.set(source.folder, [...(items.get(source.folder) ?? []), ...(await run(source, options)).diagnostics.items])
  const both = [...(items.get('elastalert') ?? []), ...(items.get('watcher') ?? [])]
  const of = (list: readonly Item[] | undefined): number => Number(scoreOf(list ?? []).toFixed(2))
  return { ...Object.fromEntries(folders.map((folder) => [folder, of(items.get(folder))])), both: of(both) }
}

describe.skipIf(all.length === 0)('samples of alert rules', () => {
  it.each(all)('$path is recognised, each rule is one item, and all that is written can be read', async (source) => {
    for (const options of [{}, { acceptApproximate: true, indices: mapped }, { rulesTo: 'grafana-alerts', acceptApproximate: true }]) {
      const { outcome, output, diagnostics } = await run(source, options)
      expect(outcome).toBe('converted')
      expect(diagnostics.kind).toBe(source.folder)
      expect(diagnostics.items).toHaveLength(rulesIn(source.text))
      for (const item of diagnostics.items)
        for (const expr of item.after?.split('\n') ?? []) expect(faultsOf(item.afterLanguage, expr), expr).toEqual([])
      for (const { text } of output) expect(parse(text)).toHaveProperty('groups')
      expect((await run(source, options)).output).toEqual(output)
    }
  })

  it('are written once: what comes out is not changed again', async () => {
    for (const source of all) {
      const { output } = await run(source, { acceptApproximate: true, indices: mapped })
      for (const file of output) {
        const again = await convert(file, undefined, 'alerts', alertContext())
        if (again.outcome === 'converted') expect(again.output).toEqual([file])
      }
      const managed = await run(source, { acceptApproximate: true, rulesTo: 'grafana-alerts' })
      for (const file of managed.output) {
        const again = await convert(file, undefined, 'alerts', alertContext())
        expect(again.output.map(({ text }) => text)).toEqual([file.text])
      }
    }
  })

  it('score what is honest: without a mapping, and with one that names their indices', async () => {
    expect(await scores({})).toEqual({ elastalert: 0.55, watcher: 0.33, 'kibana-rules': 0.6, both: 0.46 })
    expect(await scores({ indices: mapped })).toEqual({ elastalert: 0.8, watcher: 0.4, 'kibana-rules': 1, both: 0.63 })
  })

  it('say by a code why a rule is less than exact', async () => {
    for (const source of all) {
      const { diagnostics } = await run(source)
      for (const item of diagnostics.items) if (item.status !== 'exact') expect(item.notes.length, item.title).toBeGreaterThan(1)
    }
  })

  it('keep secrets of samples to themselves', async () => {
    for (const source of all)
      expect(JSON.stringify((await run(source)).diagnostics)).not.toMatch(/hooks\.slack\.com\/services\/T|elastalert@example\.com/)
  })
})
