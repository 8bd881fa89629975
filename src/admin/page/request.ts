/** Asking the API. */

import type { ApiErrorBody, Session } from '../api.ts'

/** An answer that is not a success. */
export class ApiFault extends Error {
  readonly status: number
  readonly body: ApiErrorBody

  constructor(status: number, body: ApiErrorBody) {
    super(body.message)
    this.status = status
    this.body = body
  }
}

async function read<T>(response: Response): Promise<T> {
  const text = await response.text()
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    body = undefined
  }
  if (response.ok) return body as T
  const fault = (body ?? { code: '', message: text.trim() || `the bridge answered ${response.status}` }) as ApiErrorBody
  throw new ApiFault(response.status, fault)
}

/** @param path below `/api/v1`, with its query */
export const ask = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
  read<T>(await fetch(`api/v1${path}`, { headers: { accept: 'application/json' }, cache: 'no-store', ...(signal ? { signal } : {}) }))

/** Changes something. @param revision of what is changed, where it has one */
export const send = async <T>(method: 'PUT' | 'POST', path: string, body: unknown, session: Session, revision?: number): Promise<T> =>
  read<T>(
    await fetch(`api/v1${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        'x-ob-csrf': session.csrf,
        ...(revision === undefined ? {} : { 'if-match': `"${revision}"` }),
      },
      body: JSON.stringify(body),
    }),
  )

/** The query of these parameters, those without a value left out. */
export function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const set = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '')
  return set.length === 0 ? '' : `?${new URLSearchParams(set)}`
}
