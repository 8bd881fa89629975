/** How both sides are asked. */

export type Backend = 'prometheus' | 'loki'

/**
 * Asks a backend: `path` below its address, with the parameters in a form. Gives the answer's text, whatever its status; rejects when there is none. Undefined: that
 * side has no such backend.
 */
export type Ask = (
  side: 'old' | 'new',
  backend: Backend,
  path: string,
  parameters: Readonly<Record<string, string>>,
) => Promise<string> | undefined
