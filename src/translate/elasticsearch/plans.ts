/** What a path means, ready for use: its rule with the keys of the attributes that come of it. Made once a path; the scratch in it is the translator's. */

import { createKey } from '../../otlp/keys.ts'
import { mapKey } from '../../otlp/map-key.ts'
import type { Key } from '../../otlp/model.ts'
import { type FieldRule, Role, Transform } from './rules.ts'

/** An attribute name, and who has it in the document under way. */
export interface Target {
  readonly key: Key
  /** Number of the document that had it last, the row there and whose it is. */
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
  /** It is a member of `message`: part of the body when that is an object. */
  readonly inMessage: boolean
}

export interface Plans {
  /** @param loose the path is not kept: nor are its names */
  plan(path: string, loose: boolean): FieldPlan
  /** The attribute name, for what the translator adds on its own: always the same one, a small number of them. */
  target(name: string): Target
  /** Before each document. */
  begin(): void
  /** With the table of fields, when that is emptied. */
  renew(): void
}

/** Makes plans of rules. @param ruleOf see names.ts */
export function createPlans(ruleOf: (path: string) => FieldRule): Plans {
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
      !path.startsWith('message.'),
    resource: rule.resource,
    marker: rule.marker,
    shaped: rule.shaped.map(({ markers, rule: one }) => ({ markers, plan: planOf(path, one, isLoose) })),
    also: rule.also === undefined ? undefined : targetOf(rule.also, isLoose),
    inMessage: path.startsWith('message.'),
  })

  return {
    plan: (path, isLoose) => planOf(path, ruleOf(path), isLoose),
    target(name) {
      let found = fixed.get(name)
      if (found === undefined) fixed.set(name, (found = targetOf(name, false)))
      return found
    },
    begin() {
      if (loose.size > 0) loose = new Map()
    },
    renew() {
      targets = new Map(fixed)
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
