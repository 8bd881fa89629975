/** What every fastify server of the project leaves out. */

const unused = (): never => {
  throw new Error('BUG: no route of this project has a schema')
}

/** No route has a schema: without their compilers a hundred modules and 2 MB are not loaded. */
export const withoutSchemas = {
  schemaController: { compilersFactory: { buildValidator: () => unused, buildSerializer: () => unused } },
} as const
