import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Context } from '../../../dashboards/options.ts'
import { jaegerUi } from '../../../dashboards/traces/jaeger-ui.ts'

const context = { options: { datasources: {} } } as unknown as Context
const convert = (value: unknown) => jaegerUi.convert({ path: 'ui.json', text: JSON.stringify(value) }, context)

describe('jaegerUi', () => {
  it('makes a correlation of a link pattern', () => {
    const { files, parts } = convert({
      linkPatterns: [{ type: 'tags', key: 'customer.id', url: 'https://crm.example/?id=#{customer.id}', text: 'Customer #{customer.id}' }],
    })
    const [source] = parse(files[0]?.text ?? '').datasources
    expect(files[0]?.path).toBe('ui.correlations.yaml')
    expect(source.correlations).toEqual([
      {
        label: 'Customer customer.id',
        description: 'Link pattern of the Jaeger UI, tags customer.id',
        type: 'external',
        config: { field: 'span.customer.id', target: { url: 'https://crm.example/?id=$${__data.fields["span.customer.id"]}' } },
      },
    ])
    expect(parts).toMatchObject([{ kind: 'link', status: 'approximate' }])
  })

  it.each([
    [{ type: 'odd', key: 'a', url: 'https://x' }, 'is not known'],
    [{ type: 'tags', url: 'https://x' }, 'names no tag'],
    [{ type: 'tags', key: 'a' }, 'has no URL'],
    [{ type: 'tags', key: 'a', url: 'https://x/#{a | epoch_micros_to_date_iso}' }, 'formats values'],
    [{ type: 'tags', key: 'a', url: 'https://me:secret@x/' }, 'holds a user name'],
  ])('says why a pattern cannot become one: %j', (pattern, why) => {
    const { files, parts } = convert({ linkPatterns: [pattern] })
    expect(files).toEqual([])
    expect(parts[0]?.notes[0]?.text).toContain(why)
  })

  it('says what belongs to the old page alone', () => {
    expect(convert({ monitor: { menuEnabled: true }, archiveEnabled: true }).parts.map(({ title }) => title)).toEqual([
      'monitor',
      'archiveEnabled',
    ])
  })
})
