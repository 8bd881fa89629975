import { describe, expect, it } from 'vitest'
import { alertmanager } from '../../../dashboards/rules/alertmanager.ts'
import { convertContext } from '../../support/dashboards/context.ts'

const text = `route:
  receiver: team
  group_by: [alertname, pod, '...']
  routes:
  - matchers: [ 'pod=~"x.*"', severity="page" ]
    routes:
    - match: { cluster: eu }
  - matchers: ['{dot!="1",namespace="y"}']
inhibit_rules:
- source_matchers: [severity="critical"]
  target_match_re: { pod: 'a|b' }
  equal: [namespace, cluster]
receivers:
- name: team
  webhook_configs: [ { url: 'https://user:hunter2@example.org/hook' } ]
`

describe('alertmanager', () => {
  const { parts, files, items } = alertmanager.convert(
    { path: 'alertmanager.yml', text },
    convertContext({ mapping: { labels: { pod: 'k8s_pod', dot: null } }, translate: { resourceLabels: ['cluster'] } }),
  )

  it('leaves the file as it is', () => {
    expect(files).toEqual([{ path: 'alertmanager.yml', text }])
    expect(items).toEqual([])
  })

  it('tells every label that alerts have no more, wherever it is named', () => {
    expect(parts.map(({ title, where }) => `${title} ${where}`)).toEqual([
      'pod $.route.group_by[1]',
      'pod $.route.routes[0].matchers[0]',
      'cluster $.route.routes[0].routes[0].match.cluster',
      'dot $.route.routes[1].matchers[0]',
      'pod $.inhibit_rules[0].target_match_re.pod',
      'cluster $.inhibit_rules[0].equal[1]',
    ])
    expect(parts.map(({ notes }) => notes[0]?.code)).toEqual(Array(6).fill('OBD-P-033'))
  })

  it('tells nothing of secrets', () => {
    expect(JSON.stringify(parts)).not.toContain('hunter2')
  })
})
