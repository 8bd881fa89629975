/** Controls of Kibana (`input_control_vis`, control groups) → variables: section 8.3. */

import { allOf, type Filter, isBetween, isOneOf } from '../filters/model.ts'
import type { QueryVariable } from '../logql/query.ts'
import type { Language, Note, Status } from '../model.ts'
import type { FieldNaming } from '../naming/fields.ts'
import type { KibanaDashboard } from './dashboard.ts'
import type { IndexViews } from './data-views.ts'
import type { PartNote } from './model.ts'
import type { Reference } from './saved-objects.ts'
import { at, isTrue, type Json, type JsonObject, listOf, numberOf, objectOf, objectsOf, textOf, textsOf } from './value.ts'

/** Most controls of a dashboard. */
const maxControls = 200

export interface Control {
  readonly id: string
  /** `options`, `range`: values of a field; `list`: values that are written down (ES|QL); `query`: values that a query of ES|QL gives; `time`: a slider of time. */
  readonly kind: 'options' | 'range' | 'list' | 'query' | 'time' | 'unknown'
  readonly field: string | undefined
  readonly title: string
  readonly index: string | undefined
  readonly selected: readonly string[]
  readonly multi: boolean
  /** Selected values are those that are left out. */
  readonly excludes: boolean
  readonly options: readonly string[]
  readonly range: readonly [from: string | undefined, to: string | undefined]
  readonly where: string
  readonly json: JsonObject
}

const wordsOf = (value: Json | undefined): readonly string[] =>
  listOf(value).flatMap((each) =>
    typeof each === 'string' ? [each] : typeof each === 'number' || typeof each === 'boolean' ? [String(each)] : [],
  )

const groupKinds: ReadonlyMap<string, Control['kind']> = new Map([
  ['optionsListControl', 'options'],
  ['options_list_control', 'options'],
  ['rangeSliderControl', 'range'],
  ['range_slider_control', 'range'],
  ['timeSlider', 'time'],
  ['time_slider_control', 'time'],
  ['esqlControl', 'list'],
  ['esql_control', 'list'],
])

/** Controls of the dashboard's control group. */
export function groupControls(dashboard: KibanaDashboard, views: IndexViews): readonly Control[] {
  return dashboard.controls.slice(0, maxControls).map(([id, control]) => {
    const input = objectOf(control.explicitInput ?? control.controlConfig ?? control.config ?? control)
    const first = groupKinds.get(textOf(control.type) ?? '') ?? 'unknown'
    const kind = first === 'list' && /FROM_QUERY/i.test(textOf(input.controlType ?? input.control_type) ?? '') ? 'query' : first
    const named = ['optionsListDataView', 'rangeSliderDataView', 'optionsListControlDataView', 'rangeSliderControlDataView'].map(
      (each) => `controlGroup_${id}:${each}`,
    )
    const view =
      textOf(input.dataViewId ?? input.data_view_id) === undefined
        ? views.byReference(dashboard.references, ...named)
        : views.byId(textOf(input.dataViewId ?? input.data_view_id))
    const [from, to] = wordsOf(input.value)
    const field = textOf(input.fieldName ?? input.field_name)
    return {
      id,
      kind,
      field: field ?? textOf(input.variableName ?? input.variable_name),
      title: textOf(input.title) ?? field ?? textOf(input.variableName) ?? id,
      index: view.index,
      selected: wordsOf(input.selectedOptions ?? input.selected_options),
      multi: !isTrue(input.singleSelect ?? input.single_select),
      excludes: isTrue(input.exclude),
      options: wordsOf(input.availableOptions ?? input.available_options),
      range: [from === '' ? undefined : from, to === '' ? undefined : to],
      where: `${dashboard.where}.attributes.controlGroupInput.panelsJSON|$["${id}"]`,
      json: control,
    }
  })
}

/** Controls of a visualisation. Values that are selected stand in the dashboard's filters, marked with the control's id. */
export function inputControls(
  state: JsonObject,
  references: readonly Reference[],
  filters: readonly JsonObject[],
  views: IndexViews,
  where: string,
): readonly Control[] {
  return objectsOf(at(state, 'params', 'controls'))
    .slice(0, maxControls)
    .map((control, position) => {
      const id = textOf(control.id) ?? String(position)
      const named = textOf(control.indexPatternRefName)
      const view = named === undefined ? views.byId(textOf(control.indexPattern)) : views.byReference(references, named)
      const field = textOf(control.fieldName)
      const filter = objectOf(filters.find((each) => at(each, 'meta', 'controlledBy') === id))
      const range = objectOf(at(filter, 'range', field ?? '') ?? at(filter, 'query', 'range', field ?? ''))
      const params = at(filter, 'meta', 'params')
      const one = textOf(at(params, 'query'))
      return {
        id,
        kind: control.type === 'range' ? 'range' : control.type === 'list' ? 'options' : 'unknown',
        field,
        title: textOf(control.label) ?? field ?? id,
        index: view.index,
        selected: one === undefined ? textsOf(params) : [one],
        multi: isTrue(at(control, 'options', 'multiselect') ?? true),
        excludes: false,
        options: [],
        range: [numberOf(range.gte)?.toString(), numberOf(range.lte)?.toString()],
        where: `${where}.params.controls[${position}]`,
        json: control,
      } as const
    })
}

/** Whether a filter is the selection of one of these controls. */
export const isControlled = (filter: JsonObject, controls: readonly Control[]): boolean => {
  const by = textOf(at(filter, 'meta', 'controlledBy'))
  return by !== undefined && controls.some(({ id }) => id === by)
}

/** A variable of the new dashboard, as Grafana writes it, but for its data source. */
export interface NewVariable {
  readonly name: string
  readonly label: string
  readonly type: 'query' | 'custom' | 'textbox'
  /** Of a query: label of Loki and its streams. Of others the text. */
  readonly label_values?: { readonly label: string; readonly stream: string } | undefined
  readonly text: string
  readonly selected: readonly string[]
  readonly multi: boolean
  readonly includeAll: boolean
  readonly allValue: string | undefined
}

/** What became of a control: one query of the source, as far as it asks for something. */
export interface ControlResult {
  readonly control: Control
  readonly variables: readonly NewVariable[]
  /** What holds for all panels. */
  readonly filter: Filter | undefined
  readonly isItem: boolean
  readonly status: Status
  readonly notes: readonly Note[]
  readonly after: string | undefined
  readonly language: Language
}

/** A name that Grafana takes, not used yet. */
function nameFor(control: Control, taken: Set<string>): string {
  const base =
    (control.field ?? control.title)
      .replace(/^\?+/, '')
      .replace(/[^A-Za-z0-9_]+/g, '_')
      .replace(/^_+|_+$/g, '')
      .slice(0, 40) || 'control'
  let name = base
  for (let number = 2; taken.has(name); number++) name = `${base}_${number}`
  taken.add(name)
  return name
}

const noVariable = { multi: false, includeAll: false, allValue: undefined } as const

function optionsResult(control: Control, field: string, fields: FieldNaming, taken: Set<string>): ControlResult {
  const place = fields.field(field, control.index)
  const name = nameFor(control, taken)
  const isLabel = place.where === 'label'
  const selector = control.index === undefined ? undefined : fields.selectorOf(control.index)
  const leaf = isOneOf(field, [`\${${name}}`])
  const variable: NewVariable = {
    name,
    label: control.title,
    type: isLabel ? 'query' : 'custom',
    label_values: isLabel ? { label: place.name, stream: selector ?? '' } : undefined,
    text: isLabel
      ? `label_values(${selector === undefined ? '' : `${selector}, `}${place.name})`
      : control.selected.map((each) => each.replaceAll(',', '\\,')).join(','),
    selected: control.selected,
    multi: control.multi,
    includeAll: true,
    // A selector needs one matcher that an empty value does not fit.
    allValue: place.name === 'service_name' ? '.+' : '.*',
  }
  const notes: Note[] = isLabel
    ? []
    : [
        {
          code: 'OBD-K-008',
          text: `Loki lists no values of ${place.name}: the variable takes what is typed, and begins with ${control.selected.length === 0 ? 'all' : 'the value that was selected'}.`,
        },
      ]
  return {
    control,
    variables: [variable],
    filter: control.excludes ? { kind: 'not', part: leaf } : leaf,
    isItem: true,
    status: isLabel && !control.excludes ? 'exact' : 'approximate',
    notes: control.excludes
      ? [...notes, { code: 'OBD-K-008', text: 'The control leaves values out: choose none rather than all.' }]
      : notes,
    after: variable.text === '' ? `$${name}` : variable.text,
    language: 'es-dsl',
  }
}

function rangeResult(control: Control, field: string, taken: Set<string>): ControlResult {
  const name = nameFor(control, taken)
  const [from, to] = control.range
  const ends = [
    ['min', from],
    ['max', to],
  ] as const
  const variables = ends.map(
    ([end, value]): NewVariable => ({
      ...noVariable,
      name: `${name}_${end}`,
      label: `${control.title} (${end})`,
      type: 'textbox',
      text: value ?? '',
      selected: value === undefined ? [] : [value],
    }),
  )
  for (const { name: each } of variables) taken.add(each)
  const isSet = from !== undefined || to !== undefined
  const bound = (end: string, value: string | undefined) =>
    value === undefined ? undefined : { value: `\${${name}_${end}}`, inclusive: true }
  return {
    control,
    variables: isSet ? variables.filter(({ selected }) => selected.length > 0) : [],
    filter: isSet ? isBetween(field, bound('min', from), bound('max', to)) : undefined,
    isItem: true,
    status: isSet ? 'approximate' : 'manual',
    notes: [
      {
        code: 'OBD-K-008',
        text: isSet
          ? 'The ends of the range are typed; the slider knew the smallest and the largest value.'
          : `Nothing was selected on the slider, and a filter without ends cannot be written: add \`${field}\` to the queries where it is wanted.`,
      },
    ],
    after: isSet
      ? variables
          .filter(({ selected }) => selected.length > 0)
          .map((each) => `$${each.name} = ${each.text}`)
          .join(', ')
      : '',
    language: 'es-dsl',
  }
}

const dropped = (control: Control, isItem: boolean, status: Status, text: string, language: Language): ControlResult => ({
  control,
  variables: [],
  filter: undefined,
  isItem,
  status,
  notes: [{ code: 'OBD-K-008', text }],
  after: undefined,
  language,
})

/** What becomes of a control. `taken`: names of variables that are used already. */
export function controlResult(control: Control, fields: FieldNaming, taken: Set<string>): ControlResult {
  const { kind, field } = control
  if (kind === 'time')
    return dropped(control, false, 'approximate', 'Grafana chooses the time at the top; the slider is left out.', 'other')
  if (kind === 'options' && field !== undefined) return optionsResult(control, field, fields, taken)
  if (kind === 'range' && field !== undefined) return rangeResult(control, field, taken)
  if (kind === 'list') {
    const name = nameFor(control, taken)
    const text = control.options.map((each) => each.replaceAll(',', '\\,')).join(',')
    const variable: NewVariable = {
      ...noVariable,
      name,
      label: control.title,
      type: 'custom',
      text,
      selected: control.selected.slice(0, 1),
      multi: false,
    }
    return { control, variables: [variable], filter: undefined, isItem: false, status: 'exact', notes: [], after: text, language: 'esql' }
  }
  if (kind === 'query') return dropped(control, true, 'unsupported', 'A query of ES|QL that lists values has no counterpart.', 'esql')
  return dropped(control, true, 'unsupported', 'A control of this kind has no counterpart.', 'other')
}

/** All controls of a dashboard, in order. */
export function controlResults(controls: readonly Control[], fields: FieldNaming, reserved: readonly string[]): readonly ControlResult[] {
  const taken = new Set(reserved)
  return controls.slice(0, maxControls).map((control) => controlResult(control, fields, taken))
}

/** What the controls say of all panels. */
export const controlsFilter = (results: readonly ControlResult[]): Filter => allOf(results.flatMap(({ filter }) => filter ?? []))

/** Variables as queries have to know them: each may stand for several values, or for all. */
export const queryVariables = (results: readonly ControlResult[]): readonly QueryVariable[] =>
  results.flatMap(({ variables }) => variables.map(({ name, includeAll, multi }) => ({ name, multi: multi || includeAll })))

/** Parts of the report for controls that ask nothing. */
export const controlParts = (results: readonly ControlResult[], id: string): readonly PartNote[] =>
  results
    .filter(({ isItem }) => !isItem)
    .map(({ control, status, after, notes }) => ({
      kind: 'variable' as const,
      id: `${id}/control/${control.id}`,
      title: control.title,
      status,
      before: JSON.stringify(control.json),
      after,
      notes,
    }))
