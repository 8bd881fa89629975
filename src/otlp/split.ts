/**
 * Takes an encoded request apart by an attribute of its resources, or of its spans and log records, on the bytes: nothing is decoded
 * that does not decide, and what is copied is copied as it stands, unknown fields included. See survey.ts for the messages.
 */

import { AttributeCodes, absent, attributesTag, type CodePlan, codePlan, type Named } from './codes.ts'
import type { Signal } from './intake.ts'
import { type Chosen, Rebuilt } from './rebuild.ts'
import { type ClassOfItem, type Group, Survey } from './survey.ts'

/** Says what belongs together. */
export interface Classifier extends Named {
  /** The class, a small number from 0, of what has values with these codes, one per key. The array is used again. */
  classOf(codes: Readonly<Int32Array>): number
}

/** What is of one class; `data` is a request again. */
export interface Part {
  readonly class: number
  /** Spans, data points or log records. */
  readonly items: number
  readonly data: Uint8Array
}

/** What is of one class, on its way into a request of its own. */
interface Output {
  readonly class: number
  items: number
  readonly rebuilt: Rebuilt
}

const tagOfItem: Readonly<Record<Signal, number>> = { traces: attributesTag.span, metrics: 0, logs: attributesTag.logRecord }

/** One request on its way apart. */
class Splitter {
  readonly #classifier: Classifier
  readonly #data: Uint8Array
  readonly #survey: Survey
  readonly #codes: AttributeCodes
  readonly #ofResource: Int32Array
  readonly #ofItem: Int32Array
  readonly #classOfItem: ClassOfItem
  readonly #outputs: Output[] = []
  /** Fields that nobody knows, before the first group: they go with it. */
  readonly #early: number[] = []
  #last: Output | undefined

  constructor(signal: Signal, classifier: Classifier, plan: CodePlan, data: Uint8Array) {
    this.#classifier = classifier
    this.#data = data
    this.#survey = new Survey(signal, data)
    this.#codes = new AttributeCodes(plan, this.#survey.reader)
    this.#ofResource = new Int32Array(plan.keys.length)
    this.#ofItem = new Int32Array(plan.keys.length)
    this.#classOfItem = (_reader, end) => {
      this.#ofItem.set(this.#ofResource)
      this.#codes.fill(this.#ofItem, tagOfItem[signal], end)
      return classifier.classOf(this.#ofItem)
    }
  }

  split(): readonly Output[] {
    const survey = this.#survey
    while (survey.next()) {
      if (survey.isGroup) this.#group()
      // A field that nobody knows goes with what stands before it.
      else if (this.#last === undefined) this.#early.push(survey.from, survey.to)
      else this.#last.rebuilt.copy(survey.from, survey.to)
    }
    return this.#outputs
  }

  #output(ofClass: number): Output {
    if (this.#last?.class === ofClass) return this.#last
    let found = this.#outputs.find((one) => one.class === ofClass)
    if (found === undefined) {
      found = { class: ofClass, items: 0, rebuilt: new Rebuilt(this.#data) }
      if (this.#outputs.length === 0) found.rebuilt.copyAll(this.#early)
      this.#outputs.push(found)
    }
    this.#last = found
    return found
  }

  /** A resource that goes one way, as it stands. */
  #whole(ofClass: number, items: number): void {
    const output = this.#output(ofClass)
    output.items += items
    output.rebuilt.copy(this.#survey.from, this.#survey.to)
  }

  #group(): void {
    const survey = this.#survey
    const { resources } = survey
    survey.enter()
    this.#ofResource.fill(absent)
    for (let at = 0; at < resources.length; at += 2)
      this.#codes.fill(this.#ofResource, attributesTag.resource, survey.value(resources[at] as number, resources[at + 1] as number))
    if (survey.signal === 'metrics' || !this.#ofResource.includes(absent))
      this.#whole(this.#classifier.classOf(this.#ofResource), survey.count())
    else this.#byItems()
  }

  /** A resource that leaves it to its spans or records. */
  #byItems(): void {
    const group = this.#survey.group(this.#classOfItem, true)
    const counts = new Map<number, number>()
    for (const { runs } of group.scopes) {
      for (const run of runs) counts.set(run.class, (counts.get(run.class) ?? 0) + run.items)
    }
    const [first] = counts
    if (first === undefined) this.#whole(this.#classifier.classOf(this.#ofResource), 0)
    else if (counts.size === 1) this.#whole(first[0], first[1])
    else for (const [ofClass, items] of counts) this.#rebuild(group, ofClass, items, ofClass === first[0])
  }

  /** The resource again, with those of its scopes and items that are of one class. @param withEmpty with scopes that have no items, too */
  #rebuild(group: Group, ofClass: number, items: number, withEmpty: boolean): void {
    const chosen: Chosen[] = []
    for (const scope of group.scopes) {
      const bounds: number[] = []
      for (const run of scope.runs) if (run.class === ofClass) bounds.push(run.from, run.to)
      if (bounds.length > 0 || (withEmpty && scope.runs.length === 0)) chosen.push({ scope, items: bounds })
    }
    const output = this.#output(ofClass)
    output.items += items
    output.rebuilt.group(group, chosen)
  }
}

/**
 * Creates the splitter of one signal's requests. It gives one part whose `data` is the request itself when all of it is of one class;
 * otherwise parts with memory of their own, whose concatenation says what the request said. A resource that has the attribute decides
 * for all it holds; for traces and logs, where it has none, each span or record decides for itself, and comes with its resource and
 * scope. Of an attribute that stands twice the first counts. An empty request has no parts. Throws OB_DECODE_PROTO when it cannot be read.
 */
export function createSplitter(signal: Signal, classifier: Classifier): (request: Uint8Array) => readonly Part[] {
  const plan = codePlan(classifier)
  return (request) => {
    const outputs = new Splitter(signal, classifier, plan, request).split()
    const [only] = outputs
    if (only !== undefined && outputs.length === 1) return [{ class: only.class, items: only.items, data: request }]
    return outputs.map(({ class: ofClass, items, rebuilt }) => ({ class: ofClass, items, data: rebuilt.bytes() }))
  }
}
