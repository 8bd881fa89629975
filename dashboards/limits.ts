/** What an input may cost: section 1.6 of the conversion reference. All are asked before memory is spent. */

/** Characters of a file; UTF-16 units, so that a file of 64 MiB always fits. */
export const maxTextLength = 64 * 1024 * 1024

/** Containers within each other. */
export const maxDepth = 200

/** Values in a file, aliases of YAML counted as often as they stand for something. */
export const maxValues = 2_000_000

/** Characters of one query. */
export const maxQueryLength = 64 * 1024

/** Panels of one dashboard. */
export const maxPanels = 10_000
