/** Figures in sentences for people. */

/** `12345` → `12 345`, with narrow spaces that do not break; rounded. */
export const printCount = (count: number): string => String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, '\u202f')
