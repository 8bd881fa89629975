/** What converters of panels are handed, and the filters around a panel: query and filters of the dashboard, of saved searches, of the panel, all of which hold. */

import { allOf, everything, type Filter } from '../filters/model.ts'
import type { Note, Status } from '../model.ts'
import { worse } from '../model.ts'
import type { IndexViews } from './data-views.ts'
import type { SavedObjects } from './saved-objects.ts'

/** Filters that were read. */
export interface Searched {
  /** Undefined: it could not be read, so that nothing may be asked without it. */
  readonly filter: Filter | undefined
  readonly floor: Status
  readonly notes: readonly Note[]
  /** As a reader would write it; empty: everything. */
  readonly text: string
}

export const allDocuments: Searched = { filter: everything, floor: 'exact', notes: [], text: '' }

/** All of them. */
export function together(...parts: readonly Searched[]): Searched {
  const filters = parts.map(({ filter }) => filter)
  return {
    filter: filters.every((each) => each !== undefined) ? allOf(filters) : undefined,
    floor: parts.map(({ floor }) => floor).reduce(worse, 'exact'),
    notes: parts.flatMap(({ notes }) => notes),
    text: parts
      .map(({ text }) => text)
      .filter((text) => text !== '')
      .join(' and '),
  }
}

export interface Scope {
  readonly objects: SavedObjects
  readonly views: IndexViews
  /** Of the dashboard and its controls. */
  readonly around: Searched
  /** Uid of a dashboard that a link names; undefined: not in the source. */
  readonly uidOf: (dashboardId: string) => string
}
