import { describe, expect, it } from 'vitest'
import { allMessages } from '../../src/otlp/messages.ts'
import { officialFields } from '../support/official-otlp.ts'

describe('allMessages', () => {
  it.each(allMessages())('has every field of the official $name and no other', ({ name, fields }) => {
    expect(fields.map((field) => field.name).sort()).toEqual(officialFields(name).sort())
  })

  it('has tags that the inspection finds in a table of 256', () => {
    expect(allMessages().flatMap(({ fields }) => fields.filter((field) => field.tag > 255))).toEqual([])
  })
})
