/** A URL that may hold Grafana's placeholders (`${__value.raw}`, `$service`): taken apart as text, so that they stay what they are. */

/** Longest URL that is looked into, UTF-16 units. */
export const longestUrl = 65_536

export interface Parameter {
  readonly name: string
  /** As it stands in the URL. */
  readonly raw: string
  /** Decoded; as it stands where it cannot be. */
  readonly value: string
}

export interface UrlParts {
  /** `https://host:1234`; empty: relative. */
  readonly origin: string
  /** Host and port in lower case; empty: relative. */
  readonly host: string
  readonly path: string
  readonly parameters: readonly Parameter[]
  /** Without `#`. */
  readonly fragment: string
}

/** Decodes `%XX` and `+`. What is no code stays. */
export function decodeText(raw: string): string {
  const plain = raw.replaceAll('+', ' ')
  try {
    return decodeURIComponent(plain)
  } catch {
    return plain
  }
}

export function parametersOf(query: string): Parameter[] {
  return query
    .split('&')
    .filter((one) => one !== '')
    .slice(0, 1000)
    .map((one) => {
      const equals = one.indexOf('=')
      const raw = equals < 0 ? '' : one.slice(equals + 1)
      return { name: decodeText(equals < 0 ? one : one.slice(0, equals)), raw, value: decodeText(raw) }
    })
}

/** Undefined: too long, or no URL of the web. */
export function splitUrl(url: string): UrlParts | undefined {
  if (url.length > longestUrl) return undefined
  const found = /^(?:(https?:)?\/\/([^/?#\s]*))?([^?#\s]*)(?:\?([^#]*))?(?:#(.*))?$/is.exec(url)
  if (found === null) return undefined
  const [, scheme = '', authority = '', path = '', query = '', fragment = ''] = found
  const host = authority.slice(authority.lastIndexOf('@') + 1).toLowerCase()
  if (host === '' && !path.startsWith('/')) return undefined
  return { origin: host === '' ? '' : `${scheme}//${authority}`, host, path, parameters: parametersOf(query), fragment }
}

export const parameter = (parts: UrlParts, name: string): string | undefined => parts.parameters.find((one) => one.name === name)?.value

const placeholder = /\$\{[^{}]{1,512}\}/g

/** Encodes for a query, but for placeholders: Grafana looks for them as they are written. */
export function encodeText(text: string): string {
  let at = 0
  let encoded = ''
  for (const match of text.matchAll(placeholder)) {
    encoded += encodeURIComponent(text.slice(at, match.index)) + match[0]
    at = match.index + match[0].length
  }
  return encoded + encodeURIComponent(text.slice(at))
}
