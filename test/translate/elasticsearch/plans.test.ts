import { describe, expect, it } from 'vitest'
import { ruleOf } from '../../../src/translate/elasticsearch/names.ts'
import { createPlans } from '../../../src/translate/elasticsearch/plans.ts'
import { createFieldMapping } from '../../../src/translate/elasticsearch/user-fields.ts'

const create = (stamps?: number) => createPlans((path) => ruleOf(path, { renames: 'default' }), stamps)

describe('createPlans', () => {
  it('gives each name one target, whoever asks for it', () => {
    const plans = create()
    const plan = plans.plan('service.environment', false)
    expect(plan.target).toBe(plans.target('deployment.environment.name'))
    expect(plan.own).toBe(plans.plan('service.environment', false).target === plan.target ? plan.own : undefined)
    expect(plans.plan('deployment.environment.name', false).own).toBe(plan.target)
    expect(plans.plan('error.type', false).also).toBe(plans.target('exception.type'))
  })

  it('gives a name one target although it came beyond the cap first', () => {
    const plans = create()
    const loose = plans.plan('x', true)
    expect(plans.target('x')).toBe(loose.own)
    plans.forget()
    expect(plans.target('x')).toBe(loose.own)
    expect(plans.plan('x', false).own).toBe(loose.own)
  })

  it('forgets names beyond the cap', () => {
    const plans = create()
    const { own } = plans.plan('x', true)
    expect(plans.plan('x', true).own).toBe(own)
    plans.forget()
    expect(plans.plan('x', true).own).not.toBe(own)
    const { own: other } = plans.plan('y', true)
    plans.renew()
    expect(plans.plan('y', true).own).not.toBe(other)
  })

  it('keeps names of its users for ever, and no others', () => {
    const plans = create()
    const index = plans.target('elasticsearch.index')
    const { own } = plans.plan('x', false)
    plans.renew()
    expect(plans.target('elasticsearch.index')).toBe(index)
    expect(plans.plan('elasticsearch.index', false).own).toBe(index)
    expect(plans.plan('x', false).own).not.toBe(own)
  })

  it('knows the name of a label by itself, which goes with the label', () => {
    const plans = create()
    for (const path of ['labels.a.b', 'numeric_labels.a.b']) expect(plans.plan(path, false).label?.key.text).toBe('a.b')
    for (const path of ['labels', 'label.a', 'x.labels.a']) expect(plans.plan(path, false).label).toBeUndefined()
    const { label } = plans.plan('labels.c', true)
    plans.forget()
    expect(plans.plan('labels.c', true).label).not.toBe(label)
    const fields = createFieldMapping({ fields: [{ field: 'labels.a', attribute: 'b' }] })
    expect(createPlans((path) => ruleOf(path, { renames: 'default', fields })).plan('labels.a', false).label).toBeUndefined()
  })

  it('never gives a stamp that a target has, although they begin again', () => {
    const plans = create(5)
    const targets = [plans.target('a'), plans.plan('b', false).own, plans.plan('c', true).own]
    for (let i = 0; i < 23; i++) {
      const stamp = plans.nextStamp()
      expect(stamp).toBeGreaterThan(0)
      for (const target of targets) expect(target.stamp).not.toBe(stamp)
      const target = targets[i % 3]
      if (target !== undefined) target.stamp = stamp
    }
  })
})
