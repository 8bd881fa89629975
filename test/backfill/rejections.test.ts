import { describe, expect, it } from 'vitest'
import { hintOf } from '../../src/backfill/reason-hints.ts'
import { classifyRejection, ignoredIn, isTooLarge, oldestAcceptable } from '../../src/backfill/rejections.ts'

const far =
  "entry with timestamp 2026-11-22 01:50:13.657 +0000 UTC ignored, reason: 'entry too far behind, entry timestamp is: 2026-11-22T01:50:13Z, oldest acceptable timestamp is: 2026-11-22T03:50:13Z',\n"
const total = (ignored: number, of: number): string =>
  `${far.repeat(ignored)}user 'fake', total ignored: ${ignored} out of ${of} for stream: {service_name="s1"}`
const tooNew = `entry for stream '{service_name="p1"}' has timestamp too new: 2026-11-23T04:51:29Z`
const tooLong = `max entry size '262144' bytes exceeded for stream '{service_name="p1"}' while adding an entry with length '300000' bytes`
const tooOld = `entry for stream '{service_name="p1"}' has timestamp too old: 2026-01-01T00:00:00Z, oldest acceptable timestamp is: 2026-11-15T00:00:00Z`

describe('classifyRejection', () => {
  it.each([
    // Prometheus 3.15
    ['out of bounds\nout of bounds', 'out_of_bounds', 'atomic', true],
    ['out of order sample', 'out_of_order', 'atomic', false],
    ['duplicate sample for timestamp 1795323013657; overrides not allowed: existing 1, new value 2', 'duplicate_sample', 'atomic', false],
    ['out of bounds: timestamp is too far in the future', 'too_new', 'atomic', false],
    ['2 observations found in buckets, but the Count field is 5', 'destination_error', 'atomic', false],
    // Loki 3.7
    [total(2, 3), 'too_far_behind', 'partial', true],
    [tooNew, 'too_new', 'partial', false],
    [tooOld, 'too_old', 'partial', true],
    [tooLong, 'line_too_long', 'partial', false],
    // Mimir, by its documentation
    ['the sample has been rejected because its timestamp is too old (err-mimir-sample-timestamp-too-old)', 'too_old', 'atomic', true],
    ['… out of order (err-mimir-sample-out-of-order)', 'out_of_order', 'atomic', false],
    ['… (err-mimir-max-series-per-user)', 'refused_by_mimir', 'atomic', false],
    ['no idea', 'http_400', 'unknown', false],
  ])('%j: %s, %s', (text, reason, kind, age) => {
    expect(classifyRejection(text, 'http_400')).toMatchObject({ reason, kind, age })
  })

  it('names a knob wherever it is age', () => {
    for (const text of ['out of bounds', 'out of order', total(1, 2), tooOld, 'err-mimir-sample-timestamp-too-old'])
      expect(classifyRejection(text, '').knob).not.toBe('')
  })

  it('uses words that reports explain', () => {
    for (const text of ['out of bounds', 'out of order', 'duplicate sample for timestamp 1', total(1, 2), tooOld, tooNew])
      expect(hintOf(classifyRejection(text, '').reason)).toBeDefined()
  })
})

describe('ignoredIn', () => {
  it.each([
    [total(2, 3), 3, { too_far_behind: 2 }],
    [total(20, 21), 21, { too_far_behind: 20 }],
    // One of three was invalid before that.
    [total(1, 2), 3, { too_far_behind: 1, invalid: 1 }],
    [`3 errors like: ${tooNew}; 1 errors like: ${tooLong}`, 5, { too_new: 3, line_too_long: 1 }],
    [tooNew, 5, { too_new: 1 }],
    [`2 errors like: ${tooOld}`, 5, { too_old: 2 }],
    // Never more than there were.
    [total(2, 3), 1, { too_far_behind: 1 }],
  ])('%j of %d', (text, sent, reasons) => {
    const items = Object.values(reasons).reduce((all, one) => all + one, 0)
    expect(ignoredIn(text, sent)).toEqual({ reasons, items })
  })

  it('says so when a text has no count', () => {
    expect(ignoredIn('bad request', 5)).toBeUndefined()
    expect(ignoredIn('', 5)).toBeUndefined()
  })
})

describe('oldestAcceptable', () => {
  it('reads the limit that a text names', () => {
    expect(oldestAcceptable(total(1, 2))).toBe(Date.parse('2026-11-22T03:50:13Z'))
    expect(oldestAcceptable(tooOld)).toBe(Date.parse('2026-11-15T00:00:00Z'))
    expect(oldestAcceptable('out of bounds')).toBeUndefined()
  })
})

describe('isTooLarge', () => {
  it.each([
    [413, '', true],
    [400, 'http: request body too large', true],
    [400, 'out of bounds', false],
  ])('%d %j: %s', (status, text, large) => {
    expect(isTooLarge(status, text)).toBe(large)
  })
})
