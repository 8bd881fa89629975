/** Dead letters: what failed and why; try again, or let go. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { DeadDone, DeadItem, DeadList } from '../api.ts'
import { FormDialog, useForm } from './form-dialog.tsx'
import { useAnswer, useLive, usePlace } from './hooks.ts'
import { bytes, count, plural } from './numbers.ts'
import { Card, Choice, type Column, Empty, Fault, Name, Off, ReadOnly, RowButton, State, Table, Tag, Time, Waiting } from './parts.tsx'
import { query, send } from './request.ts'

type Group = DeadList['byReason'][number]

interface Wanted {
  readonly what: 'retry' | 'drop'
  readonly body: { readonly ids: readonly string[] } | { readonly filter: { readonly side: Group['side']; readonly reason: string } }
  readonly batches: number
  readonly items: number
}

/** The most that go at a time. */
const most = 10_000

export function DeadView(): JSX.Element {
  const { session, dead } = useLive()
  const { parameters } = usePlace()
  const [side, setSide] = useState<'all' | 'old' | 'new'>('all')
  const [reason, setReason] = useState(parameters.get('reason') ?? '')
  const key = parameters.get('key') ?? undefined
  const [wanted, setWanted] = useState<Wanted | undefined>()
  const { value, fault, again } = useAnswer<DeadList>(
    session?.has.dead ? `/dead${query({ side: side === 'all' ? undefined : side, reason, key })}` : undefined,
    15,
    dead,
  )
  if (session?.has.dead === false) return <Off what="dead" card="Dead letters" title="Dead letters cannot be looked at here." />
  if (fault !== undefined && value === undefined) return <Fault fault={fault} />
  if (value === undefined) return <Waiting />
  const off = session?.role !== 'operate'
  const ofGroup = (group: Group, what: Wanted['what']): void =>
    setWanted({
      what,
      body: { filter: { side: group.side, reason: group.reason } },
      batches: Math.min(most, group.batches),
      items: group.items,
    })
  const ofOne = (one: DeadItem, what: Wanted['what']): void => setWanted({ what, body: { ids: [one.id] }, batches: 1, items: one.items })
  const buttons = (act: (what: Wanted['what']) => void): JSX.Element => (
    <span class="row-actions">
      <button type="button" disabled={off} onClick={() => act('retry')}>
        Try again…
      </button>
      <button type="button" class="danger" disabled={off} onClick={() => act('drop')}>
        Drop…
      </button>
    </span>
  )
  const groups: Column<Group>[] = [
    {
      title: 'Reason',
      head: true,
      cell: (one) => (
        <RowButton aria-pressed={reason === one.reason} onClick={() => setReason(reason === one.reason ? '' : one.reason)}>
          <Name>{one.reason}</Name>
        </RowButton>
      ),
    },
    { title: 'Side', cell: (one) => `${one.side} side` },
    { title: 'What was said', wide: true, cell: (one) => <Name most={240}>{one.text}</Name> },
    { title: 'Batches', number: true, cell: (one) => count(one.batches) },
    { title: 'Items', number: true, cell: (one) => count(one.items) },
    { title: 'Last', cell: (one) => <Time at={one.last} /> },
    { title: 'Action', cell: (one) => buttons((what) => ofGroup(one, what)) },
  ]
  const letters: Column<DeadItem>[] = [
    { title: 'Set aside', head: true, cell: (one) => <Time at={one.at} /> },
    {
      title: 'For',
      cell: (one) => (
        <>
          {one.side} side <span class="soft">{one.destination}</span>
        </>
      ),
    },
    { title: 'Format', cell: (one) => <Tag>{one.format}</Tag> },
    { title: 'Items', number: true, cell: (one) => count(one.items) },
    { title: 'Size', number: true, cell: (one) => bytes(one.bytes) },
    { title: 'What was said', wide: true, cell: (one) => <Name most={240}>{one.text}</Name> },
    {
      title: 'Action',
      cell: (one) => (
        <>
          {buttons((what) => ofOne(one, what))}
          {session?.inspect === 'full' && (
            <a class="small" href={`api/v1/dead/${one.id}/raw`} download>
              bytes
            </a>
          )}
        </>
      ),
    },
  ]
  if (value.byReason.length === 0) {
    return (
      <Card title="Dead letters">
        <Empty title="None.">
          <p>
            <State tone="good">Nothing was set aside: both sides took everything.</State>
          </p>
        </Empty>
      </Card>
    )
  }
  return (
    <>
      <ReadOnly>Nothing can be tried again or dropped from here.</ReadOnly>
      <Card title="By reason" note="what no side took is kept until somebody decides">
        <Table caption="Dead letters by reason" rows={value.byReason} columns={groups} keyOf={(one) => `${one.side} ${one.reason}`} />
      </Card>
      <Card
        title="Letters"
        note={reason === '' ? plural(value.total, 'batch', 'batches') : `${plural(value.total, 'batch', 'batches')}: ${reason}`}
        actions={
          <Choice
            label="Side"
            value={side}
            onChange={setSide}
            options={[
              ['all', 'Both sides'],
              ['old', 'Old'],
              ['new', 'New'],
            ]}
          />
        }
      >
        {value.items.length === 0 ? (
          <p class="soft">Nothing matches.</p>
        ) : (
          <Table caption="Dead letters, latest first" rows={value.items} columns={letters} keyOf={(one) => one.id} />
        )}
        {value.next !== undefined && <p class="soft small">The latest {value.items.length} are shown.</p>}
      </Card>
      {wanted !== undefined && (
        <DeadDialog
          wanted={wanted}
          onClose={() => setWanted(undefined)}
          onDone={() => {
            setWanted(undefined)
            again()
          }}
        />
      )}
    </>
  )
}

function DeadDialog({
  wanted,
  onClose,
  onDone,
}: {
  readonly wanted: Wanted
  readonly onClose: () => void
  readonly onDone: () => void
}): JSX.Element {
  const [typed, setTyped] = useState('')
  const drop = wanted.what === 'drop'
  const sound = !drop || typed.trim() === String(wanted.batches)
  const body = { ...wanted.body, limit: most, ...(drop ? { confirm: typed.trim() } : {}) }
  const form = useForm(sound, (session) => send<DeadDone>('POST', `/dead/${wanted.what}`, body, session), onDone)
  const what = `${plural(wanted.batches, 'batch', 'batches')} with ${plural(wanted.items, 'item')}`
  return (
    <FormDialog
      title={drop ? 'Drop dead letters' : 'Try dead letters again'}
      form={form}
      action={drop ? 'Drop them' : 'Try again'}
      danger={drop}
      onClose={onClose}
    >
      <p>{drop ? `${what} will be deleted for good.` : `${what} go back into the queue and are sent again.`}</p>
      <p class="soft">
        {drop
          ? 'This cannot be undone. To keep a copy: otlp-bridge queue export.'
          : 'If they are refused again they come back here. What was partly taken before may arrive twice.'}
      </p>
      {drop && (
        <label class="field">
          Type the number of batches, {wanted.batches}, to confirm
          <input type="text" inputMode="numeric" value={typed} onInput={({ currentTarget }) => setTyped(currentTarget.value)} />
        </label>
      )}
      {form.fault !== undefined && <Fault fault={form.fault} />}
    </FormDialog>
  )
}
