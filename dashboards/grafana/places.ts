/** Where queries stand in a dashboard, whichever schema writes it. The two readers are `classic.ts` and `resource.ts`; what converts knows only this. */

import type { Node } from '../text/node.ts'
import type { KnownEdits } from './patch.ts'
import type { Reference } from './references.ts'
import type { Plain, Role } from './target.ts'

/** One query: a panel's target, a variable, an annotation. */
export interface QueryPlace {
  readonly role: Role
  /** `panel/12/target/A`, `variable/cluster`, `annotation/Deploys`; unique in its dashboard. */
  readonly id: string
  /** Title of the panel, name of the variable or annotation. */
  readonly title: string
  /** The object that holds the query. */
  readonly node: Node
  /** Of a target; empty of others. */
  readonly refId: string
  readonly hidden: boolean
  readonly reference: Reference
  /** Whether it names its data source itself, rather than having that of its panel. */
  readonly hasReference: boolean
  /** The query as classic dashboards write it. */
  model(): Plain
  /** Writes the difference between the model and `next`. `refId`, `hide` and the data source are not touched. */
  write(next: Plain, known?: KnownEdits): void
  hide(): void
  refer(type: string, uid: string): void
}

/** A transformation of a panel's results. */
export interface TransformationPlace {
  readonly id: string
  readonly options: Node | undefined
}

export interface PanelPlace {
  readonly id: string
  readonly title: string
  readonly type: string
  readonly node: Node
  readonly reference: Reference
  readonly queries: readonly QueryPlace[]
  readonly fieldConfig: Node | undefined
  readonly options: Node | undefined
  readonly transformations: readonly TransformationPlace[]
  /** Lists of links: the panel's own, and those of its fields. */
  readonly links: readonly Node[]
  /** Alert of Grafana 10 and before. */
  readonly alert: Node | undefined
  /** A panel that stands elsewhere: its uid and name. */
  readonly library: { readonly uid: string; readonly name: string } | undefined
  /** The panel without panels inside, as classic dashboards write it. */
  plain(): Plain
  /** The panel as it is written. */
  original(): Plain
  /** Sets the data source of all queries that name none. */
  refer(type: string, uid: string): void
  /** Another query, behind the others. */
  add(model: Plain, query: { readonly refId: string; readonly hidden: boolean; readonly type: string; readonly uid: string }): void
  /** Transformations before those that are there. */
  transform(before: readonly Plain[]): void
  setType(type: string): void
  /** Makes it a text panel at the same place. */
  toText(content: string, original: Plain): void
}

export interface DashboardPlace {
  readonly title: string
  readonly uid: string
  readonly tags: readonly string[]
  /** 0: unknown. */
  readonly schemaVersion: number
  readonly panels: readonly PanelPlace[]
  /** Every variable, whatever its kind. */
  readonly variables: readonly VariablePlace[]
  readonly annotations: readonly AnnotationPlace[]
  /** The dashboard's own links. */
  readonly links: Node | undefined
  /** `__inputs`: name → plugin. */
  readonly inputs: readonly InputPlace[]
  /** Adds a variable that stands for a data source. */
  addDatasourceVariable(name: string, plugin: string): void
}

export interface VariablePlace extends QueryPlace {
  readonly name: string
  readonly kind: string
  /** Plugin of a variable that stands for a data source. */
  readonly plugin: string
  setPlugin(type: string): void
}

export interface AnnotationPlace extends QueryPlace {
  /** Grafana's own annotations: no query. */
  readonly builtIn: boolean
}

export interface InputPlace {
  readonly name: string
  readonly plugin: string
  setPlugin(type: string): void
}

/** Names that are given once: of a name that comes again `name#2`. */
export function createNames(): (wanted: string) => string {
  const seen = new Map<string, number>()
  return (wanted) => {
    const count = (seen.get(wanted) ?? 0) + 1
    seen.set(wanted, count)
    return count === 1 ? wanted : `${wanted}#${count}`
  }
}

/** `A` … `Z`, `AA` …: what Grafana calls the query at that place. */
export function refIdAt(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26))
  return index < 26 ? letter : `${refIdAt(Math.floor(index / 26) - 1)}${letter}`
}
