/** Jaeger tags → OTLP status (docs/mapping/jaeger.md, "Status"). First match wins; `error` wins over `otel.status_code`. */

import { isEmptyText, textOf, toUint32, valueToString } from '../../otlp/attributes.ts'
import { type KeyValue, SpanKind, StatusCode, type Text, ValueType } from '../../otlp/model.ts'
import { statusCodeOf } from '../../otlp/words.ts'

/** The status tags of one span, gathered while its tags are read. Reset and reused from span to span. */
export interface StatusTags {
  error: KeyValue | undefined
  code: KeyValue | undefined
  description: KeyValue | undefined
  httpCode: KeyValue | undefined
  httpResponseCode: KeyValue | undefined
  httpMessage: KeyValue | undefined
  /** Results: the status, and which of `error`, `code`, `description` stay attributes. */
  statusCode: number
  statusMessage: Text
  keepError: boolean
  keepCode: boolean
  keepDescription: boolean
}

export function createStatusTags(): StatusTags {
  return {
    error: undefined,
    code: undefined,
    description: undefined,
    httpCode: undefined,
    httpResponseCode: undefined,
    httpMessage: undefined,
    statusCode: 0,
    statusMessage: '',
    keepError: false,
    keepCode: false,
    keepDescription: false,
  }
}

/** Fills in the results of `tags`. @param httpFallback false: HTTP codes decide nothing */
export function decideStatus(tags: StatusTags, kind: number, httpFallback: boolean): void {
  tags.statusCode = StatusCode.Unset
  tags.statusMessage = ''
  tags.keepError = true
  tags.keepCode = true
  tags.keepDescription = true
  const { error, code } = tags
  if (error !== undefined) {
    if (error.type === ValueType.Bool ? error.a === 1 : isText(error) && valueToString(error).toLowerCase() === 'true') {
      setStatus(tags, StatusCode.Error, undefined)
      tags.keepError = false
      tags.keepCode = false
      return
    }
    if (isText(error) && !isFalse(valueToString(error))) {
      setStatus(tags, StatusCode.Error, error)
      tags.keepCode = code !== undefined && statusCodeOf(valueToString(code)) !== StatusCode.Error
      return
    }
  }
  if (code !== undefined) {
    const read = statusCodeOf(valueToString(code))
    if (read >= 0) {
      tags.keepCode = false
      tags.statusCode = read
      if (read !== StatusCode.Unset) {
        tags.statusMessage = messageOf(tags.description)
        tags.keepDescription = false
      }
      return
    }
  }
  if (error === undefined && httpFallback) decideByHttp(tags, kind)
}

function setStatus(tags: StatusTags, code: number, otherMessage: KeyValue | undefined): void {
  tags.statusCode = code
  tags.statusMessage = messageOf(tags.description ?? otherMessage ?? tags.httpMessage)
  tags.keepDescription = false
}

function decideByHttp(tags: StatusTags, kind: number): void {
  const tag = tags.httpCode ?? tags.httpResponseCode
  if (tag === undefined) return
  const code = toUint32(tag)
  if (code >= 500 || (code >= 400 && kind !== SpanKind.Server)) {
    tags.statusCode = StatusCode.Error
    tags.statusMessage = messageOf(tags.httpMessage)
  }
}

function messageOf(tag: KeyValue | undefined): Text {
  if (tag === undefined) return ''
  const text = textOf(tag) ?? valueToString(tag)
  return isEmptyText(text) ? '' : text
}

function isText(value: KeyValue): boolean {
  return value.type === ValueType.Text || value.type === ValueType.String
}

function isFalse(text: string): boolean {
  return text === '' || text === '0' || text.toLowerCase() === 'false'
}
