/** What a path means, ready for use: its rule with the keys of the attributes that come of it. Made once a path; the scratch in it is the translator's. */

import { createKey } from '../../otlp/keys.ts'
import { mapKey } from '../../otlp/map-key.ts'
import type { Key } from '../../otlp/model.ts'
import { type FieldRule, Role, Transform } from './rules.ts'

/** An attribute name, and who has it in the document under way. */
export interface Target {
  readonly key: Key
  /** {@link Plans.nextStamp} of the document that had it last, the row there and whose it is. */
  stamp: number
  row: number
  holder: FieldPlan | undefined
}

export interface FieldPlan {
  readonly path: string
  readonly rule: FieldRule
  /** The attribute under its new name, and under its path; mostly the same. */
  readonly target: Target
  readonly own: Target
  /** It is an attribute and nothing else, whatever value it has. */
  readonly plain: boolean
  readonly resource: boolean
  readonly marker: number
  /** Plans that hold instead in documents with one of the markers; the first that fits counts. */
  readonly shaped: readonly { readonly markers: number; readonly plan: FieldPlan }[]
  readonly also: Target | undefined
  /** Of labels: the attribute under the name that the label has by itself, unless the user has one for it. */
  readonly label: Target | undefined
}

export interface Plans {
  /** @param loose the path is not kept: nor are its names */
  plan(path: string, loose: boolean): FieldPlan
  /** The attribute name, for what the translator adds on its own: always the same one, a small number of them. */
  target(name: string): Target
  /** With the fields beyond the cap, when those are forgotten. */
  forget(): void
  /** With the table of fields, when that is emptied. */
  renew(): void
  /** What tells a document from all that came before it, whatever is made of it: never 0. All that use the same plans ask here. */
  nextStamp(): number
}

/** Labels, whose names are somebody's own. */
const labelPrefixes = ['labels.', 'numeric_labels.']

const labelOf = (path: string, { name, resource }: FieldRule): string | undefined => {
  if (name !== path || resource) return undefined
  const prefix = labelPrefixes.find((one) => path.startsWith(one))
  return prefix === undefined ? undefined : path.slice(prefix.length)
}

/** Beyond it a number is no small integer any more. */
const lastStamp = 0x3fff_ffff

/** Makes plans of rules. @param ruleOf see names.ts @param stamps how many there are before they begin again */
export function createPlans(ruleOf: (path: string) => FieldRule, stamps = lastStamp): Plans {
  let stamp = 0
  let targets = new Map<string, Target>()
  let loose = new Map<string, Target>()
  /** Names that stay when all others are forgotten. */
  const fixed = new Map<string, Target>()

  const targetOf = (name: string, isLoose: boolean): Target => {
    const id = mapKey(name)
    const found = targets.get(id) ?? loose.get(id)
    if (found !== undefined) return found
    const target: Target = { key: createKey(name, 0, !isLoose), stamp: 0, row: 0, holder: undefined }
    if (isLoose) loose.set(id, target)
    else targets.set(id, target)
    return target
  }

  const optionalTarget = (name: string | undefined, isLoose: boolean): Target | undefined =>
    name === undefined ? undefined : targetOf(name, isLoose)

  const planOf = (path: string, rule: FieldRule, isLoose: boolean): FieldPlan => ({
    path,
    rule,
    target: targetOf(rule.name, isLoose),
    own: targetOf(path, isLoose),
    plain:
      rule.role === Role.Attribute &&
      !rule.list &&
      rule.transform === Transform.None &&
      rule.onlyWhenAbsent === undefined &&
      rule.also === undefined &&
      rule.serviceRank < 0 &&
      !rule.inMessage,
    resource: rule.resource,
    marker: rule.marker,
    shaped: rule.shaped.map(({ markers, rule: one }) => ({ markers, plan: planOf(path, one, isLoose) })),
    also: optionalTarget(rule.also, isLoose),
    label: optionalTarget(labelOf(path, rule), isLoose),
  })

  return {
    plan: (path, isLoose) => planOf(path, ruleOf(path), isLoose),
    target(name) {
      let found = fixed.get(name)
      if (found === undefined) {
        fixed.set(name, (found = targetOf(name, false)))
        // It may be one of a field beyond the cap.
        targets.set(name, found)
      }
      return found
    },
    forget() {
      loose = new Map()
    },
    renew() {
      targets = new Map(fixed)
      loose = new Map()
    },
    nextStamp() {
      if (stamp === stamps) {
        for (const all of [targets, loose]) for (const target of all.values()) target.stamp = 0
        stamp = 0
      }
      return ++stamp
    },
  }
}

/** The plan that holds in a document with these markers. */
export function planIn(plan: FieldPlan, markers: number): FieldPlan {
  const { shaped } = plan
  for (let i = 0; i < shaped.length; i++) {
    const one = shaped[i] as FieldPlan['shaped'][number]
    if ((one.markers & markers) !== 0) return one.plan
  }
  return plan
}
