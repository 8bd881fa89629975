/** Clients: who still sends legacy formats. */

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { ClientList, ClientRecord } from '../api.ts'
import { useAnswer, useLive } from './hooks.ts'
import { count, plural } from './numbers.ts'
import { Card, type Column, Empty, Fault, Filter, Name, Off, Select, State, Table, Tag, Time, Waiting } from './parts.tsx'
import { ask, query } from './request.ts'
import { endpointName } from './words.ts'

const sorts = [
  ['items', 'Most items first'],
  ['lastSeen', 'Seen last first'],
  ['firstSeen', 'Newest first'],
  ['key', 'By name'],
  ['library', 'By library'],
] as const

const columns: readonly Column<ClientRecord>[] = [
  {
    title: 'Service, job or index',
    head: true,
    cell: (one) => (
      <>
        <Name>{one.key}</Name>
        {one.silent && <State tone="none">silent</State>}
      </>
    ),
  },
  {
    title: 'Speaks',
    cell: (one) => (
      <>
        {endpointName(one.endpoint)} <Tag>{one.format}</Tag>
      </>
    ),
  },
  {
    title: 'Library',
    cell: (one) => (
      <>
        {one.probably && <span class="soft">probably </span>}
        <Name>{[one.library, one.version].filter(Boolean).join(' ')}</Name>
        {one.language !== undefined && <span class="soft"> · {one.language}</span>}
      </>
    ),
  },
  {
    title: 'From',
    cell: (one) => (
      <>
        <Name>{one.addresses.slice(0, 3).join(', ')}</Name>
        {one.addresses.length > 3 && <span class="soft"> and {one.addresses.length - 3} more</span>}
        {one.via !== undefined && <span class="soft"> via {one.via}</span>}
      </>
    ),
  },
  { title: 'A minute', number: true, cell: (one) => count(one.itemsPerMinute) },
  { title: 'Today', number: true, cell: (one) => count(one.itemsToday) },
  { title: 'Errors', number: true, cell: (one) => (one.errors > 0 ? <span class="warn-text">{count(one.errors)}</span> : '0') },
  { title: 'Last seen', cell: (one) => <Time at={one.lastSeen} /> },
  { title: 'Advice', wide: true, cell: (one) => <span class="small">{one.advice ?? '–'}</span> },
]

/** Waits until nothing was typed for a moment. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 200)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}

export function ClientsView(): JSX.Element {
  const [filter, setFilter] = useState('')
  const [sort, setSort] = useState('items')
  const asked = query({ sort, filter: useSettled(filter) })
  const { session } = useLive()
  const { value, fault } = useAnswer<ClientList>(session?.has.clients ? `/clients${asked}` : undefined, 15)
  const [more, setMore] = useState<{ readonly asked: string; readonly items: readonly ClientRecord[]; readonly next: string | undefined }>()
  const added = more?.asked === asked ? more : undefined
  const next = added === undefined ? value?.next : added.next
  const rows = [...(value?.items ?? []), ...(added?.items ?? [])]
  if (session?.has.clients === false) return <Off what="clients" card="Legacy clients" title="No list of clients is kept." />
  if (fault !== undefined && value === undefined) return <Fault fault={fault} />
  const goOn = (): void => {
    ask<ClientList>(`/clients${asked}${asked === '' ? '?' : '&'}cursor=${next}`).then(
      (part) => setMore({ asked, items: [...(added?.items ?? []), ...part.items], next: part.next }),
      () => setMore(undefined),
    )
  }
  return (
    <Card
      title="Legacy clients"
      note={
        value === undefined
          ? undefined
          : `${plural(value.total, 'kind')} of client${value.truncated ? '; a bound was reached, some are not listed' : ''}`
      }
      actions={
        <>
          <Filter label="Filter clients" value={filter} onChange={setFilter} />
          <Select label="Order" value={sort} options={sorts} onChange={setSort} />
          <a class="button" href={`api/v1/clients.csv${asked}`} download>
            CSV
          </a>
        </>
      }
    >
      {value === undefined ? (
        <Waiting />
      ) : rows.length === 0 ? (
        <Empty title={filter === '' ? 'No legacy client was seen yet.' : 'Nothing matches.'} />
      ) : (
        <Table
          caption="Who still sends legacy formats"
          rows={rows}
          columns={columns}
          keyOf={(one) => `${one.endpoint} ${one.format} ${one.key} ${one.library} ${one.version} ${one.addresses[0]}`}
        />
      )}
      {next !== undefined && (
        <p class="more">
          <button type="button" onClick={goOn}>
            More
          </button>
        </p>
      )}
    </Card>
  )
}
