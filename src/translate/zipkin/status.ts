/** Status of a span from its tags (rules Z-S1 to Z-S6). Called only for spans that have one of these tags. */

import { isEmptyText, textOf, valueToString } from '../../otlp/attributes.ts'
import { type KeyValue, StatusCode, type Text, ValueType } from '../../otlp/model.ts'
import { toSignedBigInt } from '../../otlp/time.ts'
import { statusCodeOf } from '../../otlp/words.ts'

/** The tags that may decide, as they were found. */
export interface StatusTags {
  error: KeyValue | undefined
  code: KeyValue | undefined
  description: KeyValue | undefined
  censusCode: KeyValue | undefined
  censusDescription: KeyValue | undefined
  opencensusDescription: KeyValue | undefined
}

export interface Status {
  readonly code: number
  readonly message: Text
}

const unset: Status = { code: StatusCode.Unset, message: '' }

/** Evaluates once, first match wins; tags that are not used up are appended to `attributes`. */
export function statusOf(tags: StatusTags, attributes: KeyValue[]): Status {
  const { error, code, description, censusCode, censusDescription, opencensusDescription } = tags
  const says = code === undefined ? -1 : saidBy(valueToString(code))
  const censusSays = says < 0 && censusCode !== undefined ? censusStatus(censusCode) : -1
  let status = unset
  let used: KeyValue | undefined
  if (says >= 0) {
    // OTLP knows a message for errors; for OK some back ends show one; for UNSET it is invalid, so the tag stays.
    used = says === StatusCode.Unset ? undefined : description
    const message = used !== undefined ? textOfTag(used) : says === StatusCode.Error ? errorMessage(error) : ''
    status = { code: says, message }
  } else if (censusSays >= 0) {
    used = censusDescription ?? opencensusDescription
    status = { code: censusSays, message: used === undefined ? '' : textOfTag(used) }
  } else if (error !== undefined && !isWord(error, 'false')) {
    status = { code: StatusCode.Error, message: errorMessage(error) }
  }
  if (error !== undefined && (status.code !== StatusCode.Error || !isBareError(error))) attributes.push(error)
  if (code !== undefined && says < 0) attributes.push(code)
  if (description !== undefined && description !== used) attributes.push(description)
  if (censusCode !== undefined && censusSays < 0) attributes.push(censusCode)
  if (censusDescription !== undefined && censusDescription !== used) attributes.push(censusDescription)
  if (opencensusDescription !== undefined && opencensusDescription !== used) attributes.push(opencensusDescription)
  return status
}

/** As {@link statusCodeOf}, white space around the word allowed. */
function saidBy(text: string): number {
  return text.length > 24 ? -1 : statusCodeOf(text.trim())
}

/** A gRPC code: 0 is OK, every other one an error; −1 when it is no integer. */
function censusStatus(tag: KeyValue): number {
  if (tag.type === ValueType.Int) return toSignedBigInt(tag.a, tag.b) === 0n ? StatusCode.Ok : StatusCode.Error
  const text = valueToString(tag)
  if (!/^-?\d{1,10}$/.test(text)) return -1
  return Number(text) === 0 ? StatusCode.Ok : StatusCode.Error
}

function isWord(tag: KeyValue, word: string): boolean {
  if (tag.type === ValueType.Text && tag.b - tag.a !== word.length) return false
  return valueToString(tag).toLowerCase() === word
}

/** Says no more than that there was an error. */
function isBareError(tag: KeyValue): boolean {
  const text = textOf(tag)
  return (text !== undefined && isEmptyText(text)) || isWord(tag, 'true')
}

function errorMessage(error: KeyValue | undefined): Text {
  return error === undefined || isBareError(error) || isWord(error, 'false') ? '' : textOfTag(error)
}

function textOfTag(tag: KeyValue): Text {
  return textOf(tag) ?? valueToString(tag)
}

/** True when at least one of the tags is there. */
export function hasStatusTags(tags: StatusTags): boolean {
  return (
    (tags.error ?? tags.code ?? tags.description ?? tags.censusCode ?? tags.censusDescription ?? tags.opencensusDescription) !== undefined
  )
}
