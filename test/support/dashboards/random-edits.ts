/** Random changes of a document and of the plain value that it stands for: both must come to the same. */

import fc from 'fast-check'
import type { TextDocument } from '../../../dashboards/text/document.ts'
import type { Node } from '../../../dashboards/text/node.ts'
import { anyJson, anyText } from './arbitrary-json.ts'

/** What is done at a node, chosen by number among those that can be done. */
export const anyEdits = fc.array(
  fc.record({
    pick: fc.nat(),
    action: fc.constantFrom('text', 'replace', 'insert', 'append', 'remove'),
    at: fc.nat(20),
    length: fc.nat(3),
    text: anyText,
    key: anyText,
    value: anyJson,
    child: fc.nat(),
  }),
  { maxLength: 6 },
)

type Edit = (typeof anyEdits extends fc.Arbitrary<infer T> ? T : never)[number]

interface Model {
  kind: 'scalar' | 'array' | 'object'
  node: Node | undefined
  value: unknown
  list: { key: string | undefined; model: Model; gone: boolean }[]
}

function modelOf(node: Node): Model {
  if (node.kind === 'array')
    return {
      kind: 'array',
      node,
      value: undefined,
      list: node.items.map((item) => ({ key: undefined, model: modelOf(item), gone: false })),
    }
  if (node.kind === 'object')
    return {
      kind: 'object',
      node,
      value: undefined,
      list: node.members.map(([key, member]) => ({ key, model: modelOf(member), gone: false })),
    }
  return { kind: 'scalar', node, value: node.value, list: [] }
}

const newModel = (value: unknown): Model => ({ kind: 'scalar', node: undefined, value, list: [] })

function plainOf(model: Model): unknown {
  const list = model.list.filter(({ gone }) => !gone)
  if (model.kind === 'array') return list.map(({ model: one }) => plainOf(one))
  if (model.kind === 'scalar') return model.value
  const object: Record<string, unknown> = Object.create(null)
  for (const { key, model: one } of list) object[key ?? ''] = plainOf(one)
  return object
}

/** Changes the document and returns the value that it has to have afterwards. @param from the node that changes stay below */
export function changeAtRandom(document: TextDocument, from: Node, edits: readonly Edit[]): unknown {
  const root = modelOf(from)
  const splices = new Map<Model, { start: number; end: number; to: string }[]>()
  const all: Model[] = []
  const collect = (model: Model): void => {
    if (model.node === undefined) return
    all.push(model)
    for (const { model: one, gone } of model.list) if (!gone) collect(one)
  }
  for (const edit of edits) {
    all.length = 0
    collect(root)
    const able = all.filter(({ kind, value, list, node }) => {
      if (edit.action === 'text') return typeof value === 'string'
      if (edit.action === 'replace') return node !== from
      if (edit.action === 'insert') return kind === 'object' && !list.some(({ key, gone }) => key === edit.key && !gone)
      if (edit.action === 'append') return kind === 'array'
      return list.some(({ model, gone }) => !gone && model.node !== undefined)
    })
    const model = able[edit.pick % Math.max(1, able.length)]
    if (model?.node === undefined) continue
    if (edit.action === 'text') {
      const before = String(model.node.value)
      const start = Math.min(edit.at, before.length)
      const end = Math.min(start + edit.length, before.length)
      const list = splices.get(model) ?? []
      if (list.some((one) => start < one.end && end > one.start) || list.some((one) => one.start === start || one.end === end)) continue
      list.push({ start, end, to: edit.text })
      splices.set(model, list)
      document.editText(model.node, [{ start, end, to: edit.text }])
      model.value = list
        .toSorted((one, other) => one.start - other.start)
        .reduceRight((text, one) => text.slice(0, one.start) + one.to + text.slice(one.end), before)
    } else if (edit.action === 'replace') {
      document.replace(model.node, edit.value)
      Object.assign(model, newModel(edit.value))
    } else if (edit.action === 'insert') {
      document.insert(model.node, edit.key, edit.value)
      model.list.push({ key: edit.key, model: newModel(edit.value), gone: false })
    } else if (edit.action === 'append') {
      document.append(model.node, edit.value)
      model.list.push({ key: undefined, model: newModel(edit.value), gone: false })
    } else {
      const rest = model.list.filter(({ model: one, gone }) => !gone && one.node !== undefined)
      const child = rest[edit.child % rest.length]
      if (child?.model.node === undefined) continue
      document.remove(model.node, child.model.node)
      child.gone = true
    }
  }
  return plainOf(root)
}
