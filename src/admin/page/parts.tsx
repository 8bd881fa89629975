/** Small parts that several views are made of. */

import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { isAbsent, useLive } from './hooks.ts'
import { Bad, Check, Cross, Dots, Good, Unknown, Warn } from './icons.tsx'
import { clip, time } from './numbers.ts'
import { ApiFault } from './request.ts'

export type Tone = 'good' | 'warn' | 'bad' | 'none'

interface StateProps {
  readonly tone: Tone
  readonly children: ComponentChildren
}

const stateOf =
  (shapes: Readonly<Record<Tone, () => JSX.Element>>) =>
  ({ tone, children }: StateProps): JSX.Element => {
    const Shape = shapes[tone]
    return (
      <span class={`state ${tone}`}>
        <Shape />
        <span>{children}</span>
      </span>
    )
  }

/** A state: shape, colour and words. */
export const State = stateOf({ good: Good, warn: Warn, bad: Bad, none: Unknown })

/** As {@link State}, for verdicts: a tick, a cross, dots. */
export const Mark = stateOf({ good: Check, bad: Cross, warn: Warn, none: Dots })

/** A text that a sender chose: whatever it holds, it stays in its place. */
export const Name = ({ children, most }: { readonly children: string; readonly most?: number }): JSX.Element => (
  <bdi class="name">{clip(children, most)}</bdi>
)

/** @param minutes without seconds */
export const Time = ({ at, minutes = false }: { readonly at: string | undefined; readonly minutes?: boolean }): JSX.Element =>
  at === undefined ? (
    <span class="soft">–</span>
  ) : (
    <time dateTime={at} title={`${at.replace('T', ' ').replace(/\.\d+Z|Z/, '')} UTC`}>
      {minutes ? time(at).replace(/^(\d\d:\d\d):\d\d$/, '$1') : time(at)}
    </time>
  )

export const Tag = ({ children }: { readonly children: ComponentChildren }): JSX.Element => <span class="tag">{children}</span>

/** A part of a view with a heading. */
export function Card({
  title,
  note,
  actions,
  children,
  id,
}: {
  readonly title: string
  readonly note?: ComponentChildren
  readonly actions?: ComponentChildren
  readonly children: ComponentChildren
  readonly id?: string
}): JSX.Element {
  const heading = `card-${id ?? title.toLowerCase().replaceAll(/\W+/g, '-')}`
  return (
    <section class="card" aria-labelledby={heading}>
      <div class="card-head">
        <h2 id={heading}>{title}</h2>
        {note !== undefined && <p class="soft">{note}</p>}
        {actions !== undefined && <div class="actions">{actions}</div>}
      </div>
      {children}
    </section>
  )
}

/** Something that is not there, and why. */
export const Empty = ({ title, children }: { readonly title: string; readonly children?: ComponentChildren }): JSX.Element => (
  <div class="empty">
    <p class="empty-title">{title}</p>
    {children}
  </div>
)

/** What came instead of an answer. */
export function Fault({ fault, off }: { readonly fault: Error; readonly off?: string }): JSX.Element {
  if (isAbsent(fault)) {
    return (
      <Empty title={off ?? 'This is off.'}>
        <p>{fault.body.hint ?? fault.message}</p>
      </Empty>
    )
  }
  return (
    <div class="notice bad" role="alert">
      <State tone="bad">{fault.message}</State>
      {fault instanceof ApiFault && fault.body.hint !== undefined && <p>{fault.body.hint}</p>}
    </div>
  )
}

/** A whole view that has nothing behind it, and the option that brings it. */
export function Off({ what, card, title }: { readonly what: string; readonly card: string; readonly title: string }): JSX.Element {
  const { session } = useLive()
  return (
    <Card title={card}>
      <Empty title={title}>
        <p>{session?.off[what]}</p>
      </Empty>
    </Card>
  )
}

/** What cannot be done here, and why; nothing for somebody who may do it. */
export function ReadOnly({ children }: { readonly children: string }): JSX.Element | null {
  const { session } = useLive()
  if (session?.role !== 'read' || session.why === undefined) return null
  return (
    <p class="notice none">
      <State tone="none">
        {children} {session.why}
      </State>
    </p>
  )
}

export const Waiting = (): JSX.Element => <p class="soft waiting">One moment…</p>

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => ComponentChildren
  readonly number?: boolean
  /** This column names the row. */
  readonly head?: boolean
  readonly wide?: boolean
}

/** A table that becomes a list of cards on a phone. */
export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
}: {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
}): JSX.Element {
  return (
    <table class="list">
      <caption class="sr">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ title, number }) => (
            <th key={title} scope="col" class={number ? 'n' : undefined}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map(({ title, cell, number, head, wide }) => {
              const kind = [number && 'n', wide && 'wide'].filter(Boolean).join(' ') || undefined
              return head ? (
                <th key={title} scope="row" class={kind}>
                  {cell(row)}
                </th>
              ) : (
                <td key={title} data-title={title} class={kind}>
                  <div class="cell">{cell(row)}</div>
                </td>
              )
            })}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** The button in the head of a row, which keys lead to. */
export const RowButton = (
  props: Pick<JSX.IntrinsicElements['button'], 'aria-expanded' | 'aria-pressed' | 'onClick' | 'children'>,
): JSX.Element => <button type="button" class="link" data-row {...props} />

/** Rows at a time: thousands are there, and nobody reads them all. */
const step = 100

/** As {@link Table}, with more rows on demand. */
export function LongTable<Row>(props: {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
}): JSX.Element {
  const [shown, setShown] = useState(step)
  const rest = props.rows.length - shown
  return (
    <>
      <Table {...props} rows={props.rows.slice(0, shown)} />
      {rest > 0 && (
        <p class="more">
          <button type="button" onClick={() => setShown(shown + step * 5)}>
            {rest} more
          </button>
        </p>
      )}
    </>
  )
}

/** A field that narrows a list; `/` goes there. */
export const Filter = ({
  value,
  onChange,
  label,
}: {
  readonly value: string
  readonly onChange: (text: string) => void
  readonly label: string
}): JSX.Element => (
  <label class="filter">
    <span class="sr">{label}</span>
    <input
      type="search"
      data-filter
      placeholder={`${label}  /`}
      value={value}
      onInput={({ currentTarget }) => onChange(currentTarget.value)}
    />
  </label>
)

/** One of a few. */
export function Choice<Value extends string>({
  label,
  value,
  options,
  onChange,
}: {
  readonly label: string
  readonly value: Value
  readonly options: readonly (readonly [value: Value, text: string])[]
  readonly onChange: (value: Value) => void
}): JSX.Element {
  return (
    <fieldset class="choice">
      <legend class="sr">{label}</legend>
      {options.map(([one, text]) => (
        <button key={one} type="button" aria-pressed={one === value} onClick={() => onChange(one)}>
          {text}
        </button>
      ))}
    </fieldset>
  )
}

export const Select = ({
  label,
  value,
  options,
  onChange,
}: {
  readonly label: string
  readonly value: string
  readonly options: readonly (readonly [value: string, text: string])[]
  readonly onChange: (value: string) => void
}): JSX.Element => (
  <label class="select">
    <span class="sr">{label}</span>
    <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
      {options.map(([one, text]) => (
        <option key={one} value={one}>
          {text}
        </option>
      ))}
    </select>
  </label>
)

/** A dialog above everything; Esc closes it. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}): JSX.Element {
  const box = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const dialog = box.current
    const before = document.activeElement
    dialog?.showModal()
    return () => {
      dialog?.close()
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={box}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  )
}

/** Code that can be taken along. */
export function Code({ children, label }: { readonly children: string; readonly label: string }): JSX.Element {
  const [copied, setCopied] = useState(false)
  const copy = (): void => {
    navigator.clipboard?.writeText(children).then(
      () => setCopied(true),
      () => setCopied(false),
    )
  }
  return (
    <div class="code">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long lines are scrolled with the keyboard */}
      <section tabIndex={0} aria-label={label}>
        <pre>{children}</pre>
      </section>
      {window.isSecureContext && (
        <button type="button" class="quiet" onClick={copy} aria-label={`Copy ${label}`}>
          {copied ? 'Copied' : 'Copy'}
        </button>
      )}
    </div>
  )
}
