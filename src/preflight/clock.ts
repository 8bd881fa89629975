/** Our clock against those of the endpoints: spans of two machines in one trace, and limits on the age of data, depend on it. */

import { maskUserinfo } from '../config/mask.ts'
import { destinationsOf } from '../emit/destinations.ts'
import { readTls } from '../net/tls.ts'
import type { Check, Finding, PreflightDeps, Subject } from './finding.ts'

/** The header has whole seconds, and the answer takes a moment. */
const toleranceMs = 2000

/** Beyond this, backends refuse data as too old or from the future. */
const badMs = 60_000

/** Difference to the clock of a server, ours minus theirs; undefined when it shows none. */
async function skewOf(
  url: string,
  { timeoutMs }: Subject,
  { get, nowMs }: PreflightDeps,
  tls: Parameters<typeof readTls>[0],
): Promise<number | undefined> {
  const given = tls.ca !== undefined || tls.cert !== undefined
  const secureContext = given ? (await readTls(tls)).material?.context : undefined
  const askedMs = nowMs()
  try {
    const { dateMs } = await get(url, { timeoutMs, secureContext })
    // Half of the way there and back, and half of the second that the header cuts off.
    return dateMs === undefined ? undefined : (askedMs + nowMs()) / 2 - (dateMs + 500)
  } catch {
    // That it cannot be reached is said elsewhere.
    return undefined
  }
}

function judge(about: string, skewMs: number): Finding {
  const apart = Math.abs(skewMs)
  const base = { check: 'clock', about }
  if (apart <= toleranceMs) return { ...base, level: 'ok', seen: 'the clocks agree within 2 s' }
  const seen = `our clock is ${(apart / 1000).toFixed(0)} s ${skewMs > 0 ? 'ahead of' : 'behind'} that of the endpoint`
  return {
    ...base,
    level: apart > badMs ? 'fail' : 'warn',
    seen,
    knob: 'timedatectl set-ntp true (or chronyd), here or there',
    remote: true,
  }
}

/** Compares with the `Date` of what each endpoint answers; gRPC servers mostly show none. */
export const checkClocks: Check = async (subject, deps) => {
  const asked = destinationsOf(subject.config.emit).flatMap(({ name, endpoints, tls, protocol }) =>
    [...new Set(endpoints.map(({ urls }) => new URL(urls.traces).origin))].map(async (origin): Promise<Finding[]> => {
      if (protocol === 'grpc') return []
      const skewMs = await skewOf(`${origin}/`, subject, deps, tls)
      return skewMs === undefined ? [] : [judge(`${name}, ${maskUserinfo(origin)}`, skewMs)]
    }),
  )
  const backends = subject.queryUrls.map(async (url): Promise<Finding[]> => {
    const skewMs = await skewOf(url, subject, deps, {})
    return skewMs === undefined ? [] : [judge(maskUserinfo(url), skewMs)]
  })
  return (await Promise.all([...asked, ...backends])).flat()
}
