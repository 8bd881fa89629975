/** Health, changes: reasons of red, and who changed what. */

import type { JSX } from 'preact'
import type { ChangeList, ChangeRecord, Details } from '../api.ts'
import { useAnswer, useLive } from './hooks.ts'
import { age, bytes, count } from './numbers.ts'
import { Card, type Column, Empty, Fault, Name, State, Table, Tag, Time, Waiting } from './parts.tsx'
import { ReasonList } from './view-now.tsx'
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

type Loss = Details['losses'][number]
type Worker = Details['workers'][number]

/** Words of the code, with spaces. */
const reasonText = (reason: string): string => reason.replaceAll('_', ' ')

const lossColumns: readonly Column<Loss>[] = [
  { title: 'What', head: true, cell: (one) => one.what },
  {
    title: 'Reason',
    wide: true,
    cell: (one) => (
      <span title={one.reason}>
        <Name>{reasonText(one.reason)}</Name>
      </span>
    ),
  },
  { title: 'Format', cell: (one) => <Tag>{one.format}</Tag> },
  { title: 'For', cell: (one) => one.destination ?? 'all' },
  { title: 'Since the start', number: true, cell: (one) => count(one.count) },
]

const workerColumns: readonly Column<Worker>[] = [
  { title: 'Worker', head: true, cell: (one) => String(one.worker) },
  {
    title: 'State',
    cell: (one) => <State tone={one.state === 'running' ? 'good' : one.state === 'down' ? 'bad' : 'none'}>{one.state}</State>,
  },
  { title: 'Since', cell: (one) => <Time at={one.since} /> },
  { title: 'Items a second', number: true, cell: (one) => count(one.itemsPerSecond) },
  { title: 'Restarts', number: true, cell: (one) => count(one.restarts) },
  { title: 'Memory', number: true, cell: (one) => bytes(one.memoryBytes) },
  { title: 'Process', number: true, cell: (one) => one.pid ?? '–' },
]

/** What was refused or lost, and what was noticed in the data. */
function Losses({ details }: { readonly details: Details }): JSX.Element {
  const lost = details.losses.filter((one) => one.what !== 'noticed')
  const noticed = details.losses.filter((one) => one.what === 'noticed')
  const keyOf = (one: Loss): string => `${one.what} ${one.reason} ${one.format} ${one.destination}`
  return (
    <>
      <Card title="Losses by reason" note="refused: the sender was told; shed: nobody could be told">
        {lost.length === 0 ? (
          <p>
            <State tone="good">None.</State>
          </p>
        ) : (
          <Table caption="What was refused or lost" rows={lost} columns={lossColumns} keyOf={keyOf} />
        )}
      </Card>
      {noticed.length > 0 && (
        <Card title="Noticed in the data" note="it cost no item">
          <Table
            caption="What was noticed"
            rows={noticed}
            columns={lossColumns.filter(({ title }) => title !== 'What' && title !== 'For')}
            keyOf={keyOf}
          />
        </Card>
      )}
      {details.workers.length > 0 && (
        <Card title="Workers">
          <Table caption="Processes" rows={details.workers} columns={workerColumns} keyOf={(one) => String(one.worker)} />
        </Card>
      )}
    </>
  )
}

export function LogView(): JSX.Element {
  const { overview, changes } = useLive()
  const record = useAnswer<ChangeList>('/changes', 30, changes)
  const details = useAnswer<Details>('/details', 5)
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
          <ReasonList reasons={health.reasons} />
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
      {details.value !== undefined && <Losses details={details.value} />}
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
