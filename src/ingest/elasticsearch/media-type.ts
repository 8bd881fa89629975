/** Media types of answers. Clients from 8 on ask for one with a version in it, and some refuse to read any other. */

const versioned = /application\/vnd\.elasticsearch\+(?:x-nd)?json; *compatible-with=([6-9])/i

/** Longer headers are not looked at to their end. */
const longest = 256

const compatible = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : versioned.exec(header.length > longest ? header.slice(0, longest) : header)?.[1]

/**
 * `Content-Type` of an answer in JSON: `application/vnd.elasticsearch+json;compatible-with=N` where `Accept` asks for it, or where there is
 * none and the body of the request is written so; else `application/json`. `Accept` may hold several: the first of this kind counts.
 */
export function answerType(accept: string | undefined, contentType: string | undefined): string {
  // Nearly all of them.
  if (accept === 'application/json') return accept
  const version = compatible(accept) ?? (accept === undefined || accept === '*/*' ? compatible(contentType) : undefined)
  return version === undefined ? 'application/json' : `application/vnd.elasticsearch+json;compatible-with=${version}`
}

/** Whether an answer of `_cat` is wanted as JSON: that of no client is a table unless it asks for one. */
export const wantsJson = (accept: string | undefined): boolean =>
  accept !== undefined && /^application\/(?:vnd\.elasticsearch\+)?json(?![^;, ])/i.test(accept.slice(0, longest))

/** Whether an answer of this type is for a client of version 7 or older: those want a `_type`. @param type as {@link answerType} gives it */
export const isForSeven = (type: string): boolean => type.endsWith('=7') || type.endsWith('=6')
