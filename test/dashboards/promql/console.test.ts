import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { consoleTemplate } from '../../../dashboards/promql/console.ts'
import { convertContext } from '../../support/dashboards/context.ts'
import type { Setting } from '../../support/dashboards/promql.ts'
import { sharedFolder } from '../../support/shared.ts'

const convert = (text: string, setting: Setting = { mapping: { metrics: { a: { name: 'b' } }, labels: { pod: 'k8s_pod' } } }) =>
  consoleTemplate.convert({ path: 'a.html', text }, convertContext(setting))

describe('consoleTemplate', () => {
  it.each([
    ['{{ range query "a{pod=\'x\'}" | sortByLabel "pod" }}', '{{ range query "b{k8s_pod=\'x\'}" | sortByLabel "pod" }}'],
    [
      '{{ template "prom_query_drilldown" (args "sum(a)" "%" "printf.1f") }}',
      '{{ template "prom_query_drilldown" (args "sum(b)" "%" "printf.1f") }}',
    ],
    ['{{ template "a" (args (printf "a{pod=\'%s\'}" .Labels.x)) }}', '{{ template "a" (args (printf "b{k8s_pod=\'%s\'}" .Labels.x)) }}'],
    ['<script>\n  expr: "sum(rate(a[5m]))", // don\'t\n</script>', '<script>\n  expr: "sum(rate(b[5m]))", // don\'t\n</script>'],
    ['<a href="x?y={{ "a" | urlquery }}" title="a{pod=\'\'}">', '<a href="x?y={{ "a" | urlquery }}" title="a{pod=\'\'}">'],
    ['{{ reReplaceAll "(.*?://)a" "$2" .x }}', '{{ reReplaceAll "(.*?://)a" "$2" .x }}'],
  ])('%s', (before, after) => {
    expect(convert(before).files[0]?.text).toBe(after)
  })

  it('counts a query that it cannot read, and leaves it', () => {
    const text = '{{ query "sum(" }}'
    const { items, files, notes } = convert(text)
    expect([files[0]?.text, items.map(({ status }) => status), notes[0]?.code]).toEqual([text, ['manual'], 'OBD-P-034'])
  })

  const sample = join(sharedFolder, 'samples/prometheus-consoles/node.html')
  it.skipIf(!existsSync(sample))('leaves the sample as it is while names stay', () => {
    const text = readFileSync(sample, 'utf8')
    const { files, items } = convert(text, {})
    expect(files[0]?.text).toBe(text)
    expect(items).toHaveLength(5)
  })
})
