/** Finds the queries of a dashboard by looking for members that hold one, wherever they stand. Written apart from the converter, to check that it misses none. */

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const filled = (value: unknown): boolean =>
  typeof value === 'string' ? value.trim() !== '' : Array.isArray(value) ? value.length > 0 : isObject(value)

const holdsQuery = (one: Record<string, unknown>): boolean =>
  ['expr', 'query', 'rawSql', 'rawQuery', 'bucketAggs', 'expression', 'target', 'panelId'].some(
    (key) => filled(one[key]) || typeof one[key] === 'number',
  ) || one['queryType'] === 'dependencyGraph'

/** Where queries are: paths of the objects that hold them. */
export function findQueries(value: unknown, path: readonly (string | number)[] = []): string[] {
  const found: string[] = []
  if (Array.isArray(value)) for (const [index, one] of value.entries()) found.push(...findQueries(one, [...path, index]))
  if (!isObject(value)) return found
  const parent = path.at(-2)
  const isTarget = parent === 'targets'
  const isVariable = path.slice(-3, -1).join('.') === 'templating.list' && value['type'] === 'query'
  const isAnnotation = path.slice(-3, -1).join('.') === 'annotations.list' && value['builtIn'] !== 1
  const isResource =
    value['kind'] === 'PanelQuery' ||
    value['kind'] === 'QueryVariable' ||
    (value['kind'] === 'AnnotationQuery' && isObject(value['spec']) && value['spec']['builtIn'] !== true)
  const inner = isResource && isObject(value['spec']) && isObject(value['spec']['query']) ? value['spec']['query']['spec'] : undefined
  if ((isTarget || isVariable || isAnnotation) && holdsQuery(value)) found.push(path.join('.'))
  if (isObject(inner) && (holdsQuery(inner) || filled(inner['__legacyStringValue']))) found.push(path.join('.'))
  for (const [key, one] of Object.entries(value)) found.push(...findQueries(one, [...path, key]))
  return found
}
