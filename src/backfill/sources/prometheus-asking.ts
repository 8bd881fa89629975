/** Asking a Prometheus: how many questions at once, and what it says of its metrics. */

import type { PatientClient } from '../../read/patient-client.ts'
import type { SourceDeps } from '../source.ts'
import { createSourceClient, type HttpSourceOptions } from './http-options.ts'

/** Lets so many in at a time; the others wait in their order. */
export function createTurnstile(places: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = places
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}

/** Statuses of a server that keeps no metadata, or does not show them. */
const none = [400, 404, 405, 422, 501]

/** How metadata is read: from the source itself, or, without its secrets, from another URL. */
export function ownMetadata(options: HttpSourceOptions, client: PatientClient, deps: SourceDeps) {
  const abort = new AbortController().signal
  return {
    own: () => client.json({ path: '/api/v1/metadata', accept: none }, abort),
    async fetchJson(url: string): Promise<unknown> {
      const { origin, pathname, searchParams } = new URL(url)
      const own = origin === new URL(options.url).origin
      const secrets = own ? {} : { user: undefined, apiKey: undefined, header: [], cert: undefined, key: undefined }
      const other = await createSourceClient({ ...options, ...secrets, url: origin }, deps, {})
      try {
        return await other.json({ path: pathname, query: [...searchParams] }, abort)
      } finally {
        await other.close()
      }
    },
  }
}
