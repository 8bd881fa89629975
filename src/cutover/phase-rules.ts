/** What a phase means, and which steps there are between phases. @see docs/cutover.md */

import type { EndpointState, Phase } from './model.ts'
import { phases } from './model.ts'

/** Which side must have the data before a client hears of success, and what the other one is then. */
export interface PhaseRule {
  readonly old: 'required' | 'optional' | 'off'
  readonly new: 'required' | 'optional'
  readonly answer: EndpointState['answer']
  readonly undecodable: 'mirror' | 'refuse'
}

const rules: Readonly<Record<Phase, PhaseRule>> = {
  shadow: { old: 'required', new: 'optional', answer: 'legacy', undecodable: 'mirror' },
  dual: { old: 'required', new: 'required', answer: 'bridge', undecodable: 'refuse' },
  'new-primary': { old: 'optional', new: 'required', answer: 'bridge', undecodable: 'refuse' },
  'new-only': { old: 'off', new: 'required', answer: 'bridge', undecodable: 'refuse' },
}

export const ruleOfPhase = (phase: Phase): PhaseRule => rules[phase]

/** The phase before; undefined for the first. */
export function phaseBefore(phase: Phase): Phase | undefined {
  return phases[phases.indexOf(phase) - 1]
}

/** How many steps a change goes forward; 0 or fewer: back, which is always allowed. */
export function stepsForward(from: Phase, to: Phase): number {
  return phases.indexOf(to) - phases.indexOf(from)
}
