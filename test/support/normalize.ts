/** OTLP/JSON as the goldens compare it: attributes are sets by key, defaults are absent, order counts elsewhere. */

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const sets = new Set(['attributes'])

/** A form in which two equal requests are deeply equal. @param countOnly keys whose arrays are compared by length alone */
export function normalizeOtlp(value: unknown, countOnly: readonly string[] = []): Json {
  return walk(value as Json, countOnly)
}

function walk(value: Json, countOnly: readonly string[]): Json {
  if (Array.isArray(value)) return value.map((one) => walk(one, countOnly))
  if (value === null || typeof value !== 'object') return value
  const result: { [key: string]: Json } = {}
  for (const [name, inner] of Object.entries(value)) {
    if (sets.has(name) && Array.isArray(inner)) {
      const byKey: { [key: string]: Json } = {}
      for (const one of inner as { key: string; value: Json }[])
        byKey[one.key] = countOnly.includes(one.key) ? countOf(one.value) : walk(one.value, countOnly)
      if (Object.keys(byKey).length > 0) result[name] = byKey
      continue
    }
    const walked = walk(inner, countOnly)
    if (!isDefault(walked)) result[name] = walked
  }
  return result
}

function countOf(value: Json): Json {
  const array = (value as { arrayValue?: { values?: Json[] } }).arrayValue
  return array?.values?.length ?? null
}

function isDefault(value: Json): boolean {
  if (value === null || value === '' || value === 0) return true
  if (Array.isArray(value)) return value.length === 0
  return typeof value === 'object' && Object.keys(value).length === 0
}
