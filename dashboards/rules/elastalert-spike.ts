/** Spikes: a window compared with the one before it. Section 10.3 of the reference. */

import { asked, metricOf, missing, type TypeConverter } from './elastalert-metric.ts'
import { both, either, orZero } from './log-pieces.ts'
import { bracketed, compared } from './outcome.ts'
import { isYes, memberOf, numberOf, numberText, wordOf } from './plain.ts'

/**
 * `spike` and `spike_aggregation`. Multiplied instead of divided, so that a window before without any document, which is 0 there, is compared as well where no
 * `threshold_ref` forbids it.
 */
export const spikeOf: TypeConverter = (input) => {
  const { rule, pieces, findings } = input
  const height = numberOf(memberOf(rule.all, 'spike_height'))
  const kind = wordOf(memberOf(rule.all, 'spike_type'))
  if (height === undefined) return missing(input, 'spike_height')
  if (kind !== 'up' && kind !== 'down' && kind !== 'both') return missing(input, 'spike_type')
  if (rule.timeframe === undefined) return missing(input, 'timeframe')
  const window = rule.timeframe
  const least = numberOf(memberOf(rule.all, 'threshold_cur')) ?? 0
  const leastBefore = numberOf(memberOf(rule.all, 'threshold_ref')) ?? 0
  const field = wordOf(memberOf(rule.all, 'field_value'))
  const ofMetric = rule.type === 'spike_aggregation'
  const number = (offset: number): string | undefined => {
    if (ofMetric) return metricOf(input, window, offset)
    const question = { ...asked(input, window), offset: rule.delay + offset }
    if (field === undefined) return pieces.count(question)
    return pieces.ask({ ...question, value: { kind: 'aggregate', op: 'avg', field } })
  }
  const now = number(0)
  const before = number(window)
  if (now === undefined || before === undefined) return undefined
  if (field !== undefined)
    findings.note('OBD-A-030', `the mean of ${field} over the window stands for the old rule's own mean`, 'approximate')
  const alone = rule.queryKey.length === 0
  // A metric of no documents is not 0: the old rule had none to compare either. Two empty windows are no spike.
  const canBeZero = alone && !ofMetric && field === undefined
  const sides: string[] = []
  if (kind !== 'down') sides.push(`${now} >= ${numberText(height)} * ${canBeZero && leastBefore <= 0 ? orZero(before) : before}`)
  if (kind !== 'up') sides.push(`${numberText(height)} * ${canBeZero && least <= 0 ? orZero(now) : now} <= ${before}`)
  const parts: string[] = []
  if (least > 0) parts.push(compared(now, '>=', least))
  if (leastBefore > 0) parts.push(compared(before, '>=', leastBefore))
  const spike = both([...parts, either(sides)])
  if (isYes(memberOf(rule.all, 'alert_on_new_data')) && !alone) {
    findings.note('OBD-A-008', `a ${rule.queryKey.join(', ')} counts as new when the window before has none of it`, 'approximate')
    const fresh = `${least > 0 ? bracketed(compared(now, '>=', least)) : now} unless ${before}`
    return either([spike, fresh])
  }
  return spike
}
