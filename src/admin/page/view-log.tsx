/** Health, changes: reasons of red, and who changed what. */

import type { JSX } from 'preact'
import type { ChangeList, ChangeRecord } from '../api.ts'
import { useAnswer, useLive } from './hooks.ts'
import { age, bytes, count } from './numbers.ts'
import { Card, type Column, Empty, Fault, Name, State, Table, Tag, Time, Waiting } from './parts.tsx'
import { ReasonLine } from './view-now.tsx'
import { endpointName } from './words.ts'

const columns: readonly Column<ChangeRecord>[] = [
  { title: 'When', head: true, cell: (one) => <Time at={one.at} /> },
  { title: 'Who', cell: (one) => <Name>{one.who === '' ? 'somebody' : one.who}</Name> },
  { title: 'Endpoint', cell: (one) => endpointName(one.endpoint) },
  {
    title: 'What',
    cell: (one) => (
      <>
        {one.what}: {one.from} → <b>{one.to}</b> {one.forced && <Tag>forced</Tag>}
      </>
    ),
  },
  { title: 'Why', wide: true, cell: (one) => <Name most={500}>{one.reason}</Name> },
]

export function LogView(): JSX.Element {
  const { overview, changes } = useLive()
  const record = useAnswer<ChangeList>('/changes', 30, changes)
  if (overview === undefined) return <Waiting />
  const { health, queue } = overview
  return (
    <>
      <Card title="Health">
        {health.reasons.length === 0 ? (
          <p>
            <State tone="good">All well.</State>
          </p>
        ) : (
          <ul class="reasons">
            {health.reasons.map((one) => (
              <li key={`${one.code} ${one.text}`}>
                <ReasonLine reason={one} />
              </li>
            ))}
          </ul>
        )}
        <dl class="facts">
          <div>
            <dt>Version</dt>
            <dd>{overview.version}</dd>
          </div>
          <div>
            <dt>Running for</dt>
            <dd>{age(overview.uptimeSeconds)}</dd>
          </div>
          <div>
            <dt>Memory</dt>
            <dd>{bytes(overview.memoryBytes)}</dd>
          </div>
          <div>
            <dt>Queue ({queue.type})</dt>
            <dd>
              {count(queue.items)} items, {bytes(queue.bytes)}
              {queue.maxBytes > 0 && ` of ${bytes(queue.maxBytes)}`}
            </dd>
          </div>
        </dl>
        <p class="links">
          <a href="metrics">Metrics</a> <a href="health/ready">Readiness</a> <a href="api/status">Status as JSON</a>{' '}
          <a href="api/v1/schema.json">API as JSON Schema</a>
        </p>
      </Card>
      <Card title="Changes" note="who moved which switch">
        {record.value === undefined ? (
          record.fault !== undefined ? (
            <Fault fault={record.fault} />
          ) : (
            <Waiting />
          )
        ) : record.value.items.length === 0 ? (
          <Empty title="Nobody has moved a switch yet." />
        ) : (
          <Table
            caption="Changes, latest first"
            columns={columns}
            rows={record.value.items}
            keyOf={(one) => `${one.at} ${one.endpoint} ${one.what} ${one.to}`}
          />
        )}
      </Card>
    </>
  )
}
