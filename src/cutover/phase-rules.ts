/** What a phase means, and which steps there are between phases. @see docs/cutover.md */

import type { EndpointState, Phase, Share } from './model.ts'
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

/** What part each side gets in a phase: the new side grows in `shadow`, the old one shrinks in `new-primary`. @param wanted what was set */
export function shareIn(phase: Phase, wanted: Share): Share {
  return { new: phase === 'shadow' ? wanted.new : 1, old: phase === 'new-primary' ? wanted.old : phase === 'new-only' ? 0 : 1 }
}

/** Why a share cannot be set now; undefined when it can. */
export function shareFault(phase: Phase, share: Partial<Share>): string | undefined {
  if (share.new !== undefined && share.new !== 1 && phase !== 'shadow') return `the new side gets all in ${phase}: its share is for shadow`
  if (share.old !== undefined && share.old !== 1 && phase !== 'new-primary' && phase !== 'new-only') {
    return `the old side must have all in ${phase}: its share is for new-primary`
  }
  return undefined
}
