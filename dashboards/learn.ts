/** What sources say about others: data sources of provisioning files, library panels, metadata. Read before anything is converted. */

import { type Detected, detect } from './detect.ts'
import { readDatasources } from './grafana/provisioning.ts'
import type { KnownDatasource } from './options.ts'
import type { Kind, Source } from './registry.ts'
import { type Node, textOf } from './text/node.ts'
import { unwrap } from './wrapped.ts'

export interface LearnedFrom {
  readonly known: readonly KnownDatasource[]
  /** uid → model as JSON. */
  readonly libraryPanels: readonly (readonly [uid: string, model: string])[]
  /** Answer of /api/v1/metadata. */
  readonly metadata: unknown
}

const nothing: LearnedFrom = { known: [], libraryPanels: [], metadata: undefined }

const most = 10_000

function panelsOf(node: Node): (readonly [string, string])[] {
  const result = node.get('result') ?? node
  const list = node.kind === 'array' ? node.items : (result.get('elements')?.items ?? [result])
  return list.slice(0, most).flatMap((one) => {
    const model = one.get('model') ?? one.get('spec')
    const uid = textOf(one.get('uid')) ?? textOf(one.get('metadata')?.get('name'))
    return uid === undefined || model?.kind !== 'object' ? [] : [[uid, JSON.stringify(model.plain())] as const]
  })
}

/** Of a source whose kind is known already. Never throws for what is in it. */
export function learnFrom(source: Source, { kinds, document }: Detected): LearnedFrom {
  const has = (kind: Kind): boolean => kinds.includes(kind)
  if (has('kubernetes')) return learnFromWrapped(source)
  if (document === undefined) return nothing
  // Of YAML the root is the list of its documents.
  const isYaml = !/^\uFEFF?\s*[{[]/.test(source.text)
  const roots = isYaml ? document.root.items : [document.root]
  return {
    known: has('grafana-datasources') ? roots.flatMap(readDatasources) : [],
    libraryPanels: has('grafana-library-panel') ? roots.flatMap(panelsOf) : [],
    metadata: has('prometheus-metadata') ? roots[0]?.plain() : undefined,
  }
}

function learnFromWrapped(source: Source): LearnedFrom {
  const known: KnownDatasource[] = []
  const libraryPanels: (readonly [string, string])[] = []
  try {
    for (const { name, text } of unwrap(source.text).parts) {
      const part = { path: name, text }
      const detected = detect(part)
      if (detected.kinds.includes('kubernetes')) continue
      const learned = learnFrom(part, detected)
      known.push(...learned.known)
      libraryPanels.push(...learned.libraryPanels)
    }
  } catch {
    // What cannot be read is told when it is converted.
  }
  return { known, libraryPanels, metadata: undefined }
}
