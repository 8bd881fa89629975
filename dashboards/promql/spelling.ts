/** How names, numbers and factors are written in PromQL. */

import { boundText } from '../../src/translate/prometheus/bound-text.ts'

const classicName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const classicLabel = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** Words that cannot stand where a name of a label may. */
export const isClassicName = (name: string): boolean => classicName.test(name)
export const isClassicLabel = (name: string): boolean => classicLabel.test(name)

export const quote = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`

/** A label as a matcher or a grouping writes it. */
export const labelText = (label: string): string => (isClassicLabel(label) ? label : quote(label))

/** A number in full, without an exponent. */
export const numberText = (value: number): string => boundText(value)

/** What divides by a factor: ` * 1000` for 0.001. */
export function divisionText(factor: number): string {
  if (Number.isInteger(factor)) return ` / ${numberText(factor)}`
  const inverse = 1 / factor
  const whole = Math.round(inverse)
  if (whole !== 0 && Math.abs(inverse - whole) <= 1e-9 * Math.abs(whole)) return ` * ${numberText(whole)}`
  return ` / ${numberText(factor)}`
}

/** A text as part of a regex that is anchored and is only that text. */
export const regexText = (text: string): string => text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')
