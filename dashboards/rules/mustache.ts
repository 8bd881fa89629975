/** Mustache texts of Watcher and Kibana: only looked through, never run. */

/** A tag, or text between tags. */
export type MustachePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly path: string }
  | { readonly kind: 'open' | 'close'; readonly path: string; readonly inverted: boolean }

const longest = 65_536

/** Parts of a text. A tag that is not closed is text. Linear. */
export function scanMustache(text: string): readonly MustachePart[] {
  const parts: MustachePart[] = []
  let at = 0
  for (let open = text.indexOf('{{'); open >= 0; open = text.indexOf('{{', at)) {
    const triple = text.startsWith('{{{', open)
    const end = text.indexOf(triple ? '}}}' : '}}', open)
    if (end < 0) break
    if (open > at) parts.push({ kind: 'text', text: text.slice(at, open) })
    const inner = text.slice(open + (triple ? 3 : 2), end).trim()
    const sign = triple ? '' : (inner[0] ?? '')
    const path = inner.slice(1).trim()
    if (sign === '#' || sign === '^') parts.push({ kind: 'open', path, inverted: sign === '^' })
    else if (sign === '/') parts.push({ kind: 'close', path, inverted: false })
    else if (sign !== '!' && sign !== '>' && sign !== '=') parts.push({ kind: 'value', path: sign === '&' ? path : inner })
    at = end + (triple ? 3 : 2)
  }
  if (at < text.length) parts.push({ kind: 'text', text: text.slice(at) })
  return parts
}

/** Text as a Go template shows it: braces of its own are not tags. */
export const literalText = (text: string): string => text.replaceAll('{{', '{{ "{{" }}')

export interface Annotated {
  /** A Go template. */
  readonly text: string
  /** Paths that no label and no value stands for, each once. They are in the text as `[path]`. */
  readonly lost: readonly string[]
}

/**
 * A Mustache text as an annotation. `resolve` gives the Go template for a path (`{{ $value }}`), or undefined. What stands in sections over lists of documents or
 * buckets is there once, because an alert is one series; text after 64 KiB is cut.
 */
export function annotationOf(text: string, resolve: (path: string) => string | undefined): Annotated {
  const lost: string[] = []
  const pieces: string[] = []
  for (const part of scanMustache(text.slice(0, longest))) {
    if (part.kind === 'text') pieces.push(literalText(part.text))
    else if (part.kind === 'value') {
      const found = resolve(part.path)
      pieces.push(found ?? `[${literalText(part.path)}]`)
      if (found === undefined && !lost.includes(part.path)) lost.push(part.path)
    } else if (part.kind === 'open' && !lost.includes(`#${part.path}`)) lost.push(`#${part.path}`)
  }
  return { text: pieces.join(''), lost }
}

/** Replaces tags in a text that holds a number, a name or a length of time: `now-{{ctx.metadata.window}}`. Undefined values stay as tags. */
export function fillMustache(text: string, resolve: (path: string) => string | undefined): string {
  if (!text.includes('{{')) return text
  return scanMustache(text)
    .map((part) => {
      if (part.kind === 'text') return part.text
      return part.kind === 'value'
        ? (resolve(part.path) ?? `{{${part.path}}}`)
        : `{{${part.kind === 'close' ? '/' : part.inverted ? '^' : '#'}${part.path}}}`
    })
    .join('')
}
