/** Panels without a query that could be converted: texts, links, images, programs, and everything that is not known. Section 8.3. */

import type { Language, Note } from '../model.ts'
import { linkedText } from './links.ts'
import { type Asked, emptyPanel, type NeutralPanel, type PartNote } from './model.ts'
import type { Reference } from './saved-objects.ts'
import { uidOf } from './uids.ts'
import { type Json, type JsonObject, objectOf, objectsOf, textOf } from './value.ts'

/** Markdown. */
export function markdownPanel(markdown: string, id: string, title: string): NeutralPanel {
  const { text, parts } = linkedText(markdown, id, title)
  return { ...emptyPanel, text, parts }
}

const escaped = (text: string): string =>
  text.replace(/[\\`*_{}[\]()#+!|<>&]/g, (sign) => (sign === '<' ? '&lt;' : sign === '>' ? '&gt;' : sign === '&' ? '&amp;' : `\\${sign}`))

const isAddress = (url: string): boolean => /^(?:https?:\/\/|\/(?!\/)|#)/i.test(url) && !/[\s()<>]/.test(url)

/** The links panel of 8.12 and later. */
export function linksPanel(attributes: JsonObject, references: readonly Reference[], id: string, title: string): NeutralPanel {
  const parts: PartNote[] = []
  const lines: string[] = []
  for (const [position, link] of objectsOf(attributes.links).slice(0, 500).entries()) {
    const label = textOf(link.label) ?? ''
    const dashboard = textOf(link.destination) ?? references.find(({ name }) => name === textOf(link.destinationRefName))?.id
    const isDashboard = link.type === 'dashboardLink'
    const url = isDashboard ? (dashboard === undefined ? undefined : `/d/${uidOf(dashboard)}`) : textOf(link.destination)
    const isGood = url !== undefined && isAddress(url)
    lines.push(isGood ? `- [${escaped(label === '' ? url : label)}](${url})` : `- ${escaped(label)}`)
    parts.push({
      kind: 'link',
      id: `${id}/link/${position}`,
      title,
      status: isGood ? 'exact' : 'manual',
      before: JSON.stringify(link),
      after: isGood ? url : undefined,
      notes: isGood ? [] : [{ code: 'OBD-K-012', text: 'The link leads nowhere that is known.' }],
    })
  }
  return { ...emptyPanel, text: lines.join('\n'), parts }
}

/** A picture. Those that were uploaded to Kibana are not in the export. */
export function imagePanel(config: JsonObject, id: string, title: string): NeutralPanel | undefined {
  const image = objectOf(config.imageConfig ?? config.image_config)
  const url = textOf(objectOf(image.src).url)
  if (url === undefined || !isAddress(url)) return undefined
  const alt = textOf(image.altText) ?? ''
  return {
    ...emptyPanel,
    text: `![${escaped(alt)}](${url})`,
    parts: [
      {
        kind: 'panel',
        id: `${id}/image`,
        title,
        status: 'approximate',
        before: url,
        after: url,
        notes: [{ code: 'OBD-K-007', text: 'Size and background of the picture are left to Grafana.' }],
      },
    ],
  }
}

export interface Program {
  readonly language: Language
  readonly text: string
  readonly what: string
}

/** A panel that is kept as text. One query, unsupported. */
export function placeholderPanel(program: Program, where: string, title: string, note: Note, original: Json): NeutralPanel {
  const asked: Asked = {
    id: 'panel',
    metrics: [],
    where,
    title,
    before: program.text,
    language: program.language,
    style: {},
    floor: 'unsupported',
    notes: [note],
  }
  return { ...emptyPanel, layers: [{ id: 'panel', query: undefined, asked: [asked] }], isPlaceholder: true, notes: [note], original }
}

/** A panel that asks nothing and cannot be shown. */
export function emptyPlaceholder(what: string, id: string, title: string, original: Json, why: string): NeutralPanel {
  const note: Note = { code: 'OBD-K-002', text: why }
  return {
    ...emptyPanel,
    isPlaceholder: true,
    notes: [note],
    original,
    parts: [{ kind: 'panel', id: `${id}/${what}`, title, status: 'unsupported', before: what, after: undefined, notes: [note] }],
  }
}

/** Parts of a map that ask for documents. */
export function mapPanel(attributes: JsonObject, where: string, original: Json): NeutralPanel {
  const layers = objectsOf(attributes.layerListJSON ?? attributes.layers)
  const asking = layers.filter(({ sourceDescriptor }) => /^ES_|^ESQL$/.test(textOf(objectOf(sourceDescriptor).type) ?? ''))
  const note: Note = { code: 'OBD-K-002', text: 'A map of documents needs latitude and longitude, or a code of the country, as labels.' }
  return {
    ...emptyPanel,
    type: 'geomap',
    isPlaceholder: true,
    notes: [note],
    original,
    layers: asking.slice(0, 500).map((layer, position) => ({
      id: String(position),
      query: undefined,
      asked: [
        {
          id: `layer/${textOf(layer.id) ?? position}`,
          metrics: [],
          where: `${where}.layerListJSON[${layers.indexOf(layer)}]`,
          title: textOf(layer.label) ?? `layer ${position + 1}`,
          before: JSON.stringify(layer.sourceDescriptor ?? null),
          language: 'es-dsl',
          style: {},
          floor: 'unsupported',
          notes: [note],
        },
      ],
    })),
  }
}
