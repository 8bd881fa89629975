/** `--budget 60s|2000req|1GiB`: what a run may cost. */

import { parseByteSize, parseDuration } from '../config/units.ts'
import { BridgeError } from '../errors.ts'
import type { BudgetLimits } from '../read/http-client.ts'

/** Parts separated by `|` or commas, each a duration, a number of requests (`2000req`) or a size; those not given are as before. Throws OB_CONFIG. */
export function budgetOf(text: string | undefined, standard: BudgetLimits): BudgetLimits {
  let { requests, bytes, timeMs } = standard
  for (const part of (text ?? '').split(/[|,]/).map((one) => one.trim())) {
    if (part === '') continue
    const asked = /^(\d+) ?req$/i.exec(part)
    const duration = parseDuration(part)
    const size = parseByteSize(part)
    if (asked !== null) requests = Number(asked[1])
    else if (/[a-z]$/.test(part) && duration !== undefined) timeMs = duration
    else if (size !== undefined && /b$/i.test(part)) bytes = size
    else throw new BridgeError('OB_CONFIG', `cannot use --budget ${part}: expected 60s, 2000req or 1GiB`, { place: '--budget' })
  }
  return { requests, bytes, timeMs }
}
