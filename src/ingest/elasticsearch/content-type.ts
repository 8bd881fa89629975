/** Which Content-Types bring documents. Section 2.1 of the mapping. */

/** `application/json`, `application/x-ndjson`, and those of clients from 8 on, whatever parameters they have. */
const documents = /^application\/(?:vnd\.elasticsearch\+)?(?:x-nd)?json$/

const mostKept = 100
const longest = 256

/**
 * Creates what judges the header of a request: undefined when its body may be read, else the reason why not.
 * @param lenient takes requests without one, and text/plain, too
 */
export function createTypeCheck(lenient: boolean): (header: string | undefined) => string | undefined {
  const kept = new Map<string, string | undefined>()

  const judge = (header: string): string | undefined => {
    const [type = ''] = header.slice(0, longest).split(';', 1)
    const media = type.trim().toLowerCase()
    if (documents.test(media) || (lenient && (media === 'text/plain' || media === ''))) return undefined
    return `Content-Type header [${header.slice(0, longest)}] is not supported`
  }

  return (header) => {
    if (header === undefined) return lenient ? undefined : 'Content-Type header is missing'
    if (kept.has(header)) return kept.get(header)
    const reason = judge(header)
    // Senders make them up.
    if (kept.size < mostKept) kept.set(header, reason)
    return reason
  }
}
