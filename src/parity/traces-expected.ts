/** What the books say was sent of single spans: the third witness beside both stores. */

import type { CanonicalSpan } from './canonical.ts'
import { identityOf } from './canonical.ts'
import type { ExpectedSample } from './model.ts'
import { canonicalSpansOf } from './traces-legacy.ts'

/** Spans as the bridge sent them, by identity; samples without their OTLP are left out, and so are those that cannot be read. */
export function tracesInFormat(samples: readonly ExpectedSample[]): ReadonlyMap<string, CanonicalSpan> {
  const sent = new Map<string, CanonicalSpan>()
  for (const { otlp } of samples) {
    if (otlp === undefined) continue
    for (const span of readable(otlp)) sent.set(identityOf(span), span)
  }
  return sent
}

function readable(otlp: Uint8Array): readonly CanonicalSpan[] {
  try {
    return canonicalSpansOf(otlp)
  } catch {
    // A witness that cannot be understood is none; the two stores are compared without it.
    return []
  }
}
