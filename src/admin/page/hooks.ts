/** What the views share: live data, answers of the API, the address. */

import { createContext } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import type { Live } from './live.ts'
import { ApiFault, ask } from './request.ts'

export const LiveContext = createContext<Live | undefined>(undefined)

/** Throws outside of the page: a bug of ours. */
export function useLive(): Live {
  const live = useContext(LiveContext)
  if (live === undefined) throw new Error('BUG: no live data here')
  return live
}

export interface Answer<T> {
  readonly value: T | undefined
  readonly fault: ApiFault | Error | undefined
  /** True until the first answer or fault. */
  readonly waiting: boolean
  readonly again: () => void
}

/**
 * Asks when the path changes, when `trigger` does, and every so often; the answer before stays until the next one is here.
 * @param path undefined: not now. @param everySeconds 0: never by itself
 */
export function useAnswer<T>(path: string | undefined, everySeconds = 0, trigger: unknown = 0): Answer<T> {
  const [state, setState] = useState<{ path?: string; value?: T; fault?: Error }>({})
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    if (path === undefined) return
    const abort = new AbortController()
    ask<T>(path, abort.signal).then(
      (value) => setState({ path, value }),
      (fault: Error) => {
        if (!abort.signal.aborted) setState((before) => ({ ...(before.path === path ? before : {}), path, fault }))
      },
    )
    return () => abort.abort()
  }, [path, turn, trigger])
  useEffect(() => {
    if (everySeconds === 0) return
    const timer = setInterval(() => setTurn((before) => before + 1), everySeconds * 1000)
    return () => clearInterval(timer)
  }, [everySeconds])
  const mine = state.path === path
  return {
    value: mine ? state.value : undefined,
    fault: mine ? state.fault : undefined,
    waiting: path !== undefined && !mine,
    again: () => setTurn((before) => before + 1),
  }
}

/** The hash without `#`: path and parameters. */
export interface Place {
  readonly path: string
  readonly parameters: URLSearchParams
}

const placeNow = (): Place => {
  const [path = '', parameters = ''] = location.hash.slice(1).split('?', 2)
  return { path: path === '' ? '/' : path, parameters: new URLSearchParams(parameters) }
}

export function usePlace(): Place {
  const [place, setPlace] = useState(placeNow)
  useEffect(() => {
    const changed = (): void => setPlace(placeNow())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return place
}

/** Goes somewhere. */
export const go = (hash: string): void => {
  location.hash = hash
}

export const isAbsent = (fault: Error | undefined): fault is ApiFault => fault instanceof ApiFault && fault.status === 404
