/** What a path is to the part of the endpoint that takes no documents. */

import type { Asked } from './handshake-replies.ts'

/** Answers a request. What it rejects with is a fault of ours. */
export type Handler = (asked: Asked) => void | Promise<void>

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface Route {
  /** Of the counter of handshakes. */
  readonly endpoint: string
  /** `GET` answers `HEAD`, too. Empty for paths of documents that are asked for in a way that documents are not sent. */
  readonly methods: Readonly<Partial<Record<Method, Handler>>>
  /** Methods that are served elsewhere, for `Allow`. */
  readonly elsewhere?: readonly Method[]
}

/** The route of a path by its decoded segments; undefined for paths that are not its own. */
export type Find = (segments: readonly string[]) => Route | undefined

/** Methods of a route as `Allow` lists them. */
export function allowed({ methods, elsewhere = [] }: Route): readonly string[] {
  const all = new Set<string>([...Object.keys(methods), ...elsewhere])
  if (all.has('GET')) all.add('HEAD')
  return [...all].sort()
}
