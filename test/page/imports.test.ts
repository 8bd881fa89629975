import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const folder = new URL('../../src/admin/page/', import.meta.url)
const files = readdirSync(folder).filter((name) => /\.tsx?$/.test(name))

describe('sources of the page', () => {
  it('know nothing of the server but the types of its answers', () => {
    const imports = files.flatMap((name) =>
      [...readFileSync(new URL(name, folder), 'utf8').matchAll(/^(?:import|} from|export .* from)[^'\n]*'([^']+)'/gm)].map(
        ([text, from]) => ({ name, text, from }),
      ),
    )
    expect(imports.length).toBeGreaterThan(30)
    const strays = imports.filter(
      ({ from = '', text }) => !/^(\.\/|preact(\/hooks)?$|uplot$)/.test(from) && !(from === '../api.ts' && text.startsWith('import type')),
    )
    expect(strays).toEqual([])
  })
})
