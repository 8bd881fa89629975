/** What we use of `node:http`. */

/**
 * Not an import: that reads every export of the module, WebSocket among them, and so loads Node's own undici, a
 * bundle of 760 kB that costs 4 MB and is not the one that we send with.
 */
export const { createServer }: typeof import('node:http') = process.getBuiltinModule('node:http')
