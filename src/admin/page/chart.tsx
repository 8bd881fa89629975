/** Charts: lines over time, with the same as text and as a table; and the small ones in rows. */

import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import './language.ts'
import uPlot from 'uplot'
import type { Series } from '../api.ts'
import { age, clock, short, time } from './numbers.ts'

export interface Line {
  readonly name: string
  /** Which colour and dash: `in`, `old`, `new`. */
  readonly kind: 'in' | 'old' | 'new'
  readonly series: Series | undefined
}

const dashes: Readonly<Record<Line['kind'], number[]>> = { in: [], old: [6, 4], new: [] }

const timesOf = (series: Series): number[] => {
  const from = Date.parse(series.from) / 1000
  return series.values.map((_, at) => from + at * series.step)
}

/** `08:00`; the day at midnight, and where days lie between. */
function tickOf(stamp: number, step: number): string {
  const text = clock(stamp * 1000)
  return step >= 86_400 || text.time === '00:00' ? text.day : text.time
}

const known = (series: Series | undefined): number[] => (series?.values ?? []).filter((value) => value !== null)

/** What the chart says, in a sentence. */
function summaryOf(lines: readonly Line[], format: (value: number) => string): string {
  const said = lines.flatMap(({ name, series }) => {
    const values = known(series)
    const last = values.at(-1)
    return last === undefined ? [] : [`${name}: ${format(last)} in the last minute, at most ${format(Math.max(...values))}`]
  })
  return said.length === 0 ? 'Nothing is known yet.' : `${said.join('; ')}.`
}

/** Lines of one unit over time. @param unit `age` writes seconds */
export function Chart({
  lines,
  unit,
  label,
}: {
  readonly lines: readonly Line[]
  readonly unit: 'items' | 'age'
  readonly label: string
}): JSX.Element {
  const [asTable, setAsTable] = useState(false)
  const place = useRef<HTMLDivElement>(null)
  const keys = useRef<HTMLParagraphElement>(null)
  const format = unit === 'age' ? age : short
  const drawn = lines.filter(({ series }) => series !== undefined)
  const first = drawn[0]?.series

  useEffect(() => {
    const [box, legend] = [place.current, keys.current]
    if (box === null || legend === null || first === undefined || asTable) return
    const draw = (): uPlot => {
      // A canvas knows no variables: the legend has the colours of this theme.
      const colourOf = (kind: string): string => getComputedStyle(legend.querySelector(`.${kind}`) ?? legend).color
      const soft = getComputedStyle(legend).color
      const grid = { stroke: getComputedStyle(box).borderTopColor, width: 1 }
      const axis = { stroke: soft, grid, ticks: { show: false }, font: '12px system-ui, sans-serif' }
      return new uPlot(
        {
          width: Math.max(200, box.clientWidth),
          height: 220,
          padding: [10, 22, 0, 0],
          cursor: { points: { size: 7 }, drag: { x: false, y: false }, y: false },
          legend: { show: false },
          scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, (high ?? 1) * 1.08)] } },
          axes: [
            { ...axis, size: 24, values: (_plot, splits, _at, _space, step) => splits.map((stamp) => tickOf(stamp, step)) },
            { ...axis, size: 64, values: (_plot, splits) => splits.map((value) => format(value)) },
          ],
          series: [
            {},
            ...drawn.map(({ kind, name }) => ({
              label: name,
              stroke: colourOf(kind),
              width: kind === 'in' ? 1 : 1.6,
              dash: dashes[kind],
              points: { show: false },
              spanGaps: false,
              ...(kind === 'in' ? { fill: `color-mix(in srgb, ${colourOf(kind)} 14%, transparent)` } : {}),
            })),
          ],
          hooks: {
            setCursor: [
              (plot) => {
                const at = plot.cursor.idx
                const stamp = at === null || at === undefined ? undefined : plot.data[0][at]
                const read = legend.querySelector('.read')
                if (read === null) return
                if (stamp === undefined || at === null || at === undefined) read.textContent = ''
                else {
                  const values = drawn.map(({ name }, index) => {
                    const value = plot.data[index + 1]?.[at]
                    return `${name} ${value === null || value === undefined ? 'unknown' : format(value)}`
                  })
                  read.textContent = [`${clock(stamp * 1000).day} ${clock(stamp * 1000).time}`, ...values].join(' · ')
                }
              },
            ],
          },
        },
        [timesOf(first), ...drawn.map(({ series }) => [...(series?.values ?? [])])] as uPlot.AlignedData,
        box,
      )
    }
    let plot = draw()
    const redraw = (): void => {
      plot.destroy()
      plot = draw()
    }
    const watch = new ResizeObserver(() => plot.setSize({ width: Math.max(200, box.clientWidth), height: 220 }))
    watch.observe(box)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', redraw)
    addEventListener('themechange', redraw)
    return () => {
      watch.disconnect()
      scheme.removeEventListener('change', redraw)
      removeEventListener('themechange', redraw)
      plot.destroy()
    }
  })

  return (
    <figure class="chart" aria-label={label}>
      <p class="legend" ref={keys}>
        {lines.map(({ name, kind }) => (
          <span key={kind} class={`key ${kind}`}>
            <svg viewBox="0 0 26 6" width="26" height="6" aria-hidden="true" focusable="false">
              <path d="M0 3h26" stroke-dasharray={dashes[kind].join(' ')} />
            </svg>
            <span class="key-name">{name}</span>
          </span>
        ))}
        <span class="read" />
        <button type="button" class="quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          {asTable ? 'As chart' : 'As table'}
        </button>
      </p>
      {asTable ? <ChartTable lines={drawn} format={format} /> : <div class="plot" ref={place} aria-hidden="true" />}
      <figcaption class="sr">{summaryOf(lines, format)}</figcaption>
    </figure>
  )
}

/** Rows of the table: more nobody reads. */
const tableRows = 48

function ChartTable({ lines, format }: { readonly lines: readonly Line[]; readonly format: (value: number) => string }): JSX.Element {
  const first = lines[0]?.series
  const times = first === undefined ? [] : timesOf(first)
  const every = Math.max(1, Math.ceil(times.length / tableRows))
  const places = times.map((_, at) => at).filter((at) => (times.length - 1 - at) % every === 0)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the keyboard
    <section class="scroll" aria-label="Values" tabIndex={0}>
      <table class="values">
        <caption class="sr">The values of the chart, latest first</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {lines.map(({ name }) => (
              <th key={name} scope="col" class="n">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {places.reverse().map((at) => (
            <tr key={at}>
              <th scope="row">{time(new Date((times[at] ?? 0) * 1000).toISOString())}</th>
              {lines.map(({ name, series }) => {
                const value = series?.values[at]
                return (
                  <td key={name} class="n">
                    {value === null || value === undefined ? 'unknown' : format(value)}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

const points = 120

/** A day in a row: means of some minutes, gaps where nothing is known. */
export function Spark({ series, label }: { readonly series: Series | undefined; readonly label: string }): JSX.Element {
  const values = series?.values ?? []
  const every = Math.max(1, Math.ceil(values.length / points))
  const means: (number | null)[] = []
  for (let from = 0; from < values.length; from += every) {
    const part = values.slice(from, from + every).filter((value) => value !== null)
    means.push(part.length === 0 ? null : part.reduce((sum, value) => sum + value, 0) / part.length)
  }
  const top = Math.max(1, ...means.map((value) => value ?? 0))
  let path = ''
  let open = false
  means.forEach((value, at) => {
    if (value === null) {
      open = false
      return
    }
    const [x, y] = [((at * 120) / Math.max(1, means.length - 1)).toFixed(1), (27 - (24 * value) / top).toFixed(1)]
    path += `${open ? 'L' : 'M'}${x} ${y}`
    open = true
  })
  return (
    <svg class="spark" viewBox="0 0 120 28" preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="base" d="M0 27.5h120" />
      <path class="line" d={path} />
    </svg>
  )
}
