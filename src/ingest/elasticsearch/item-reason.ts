/** The words of an error of one item, where it stands alone. */

import type { ItemError } from './es-errors.ts'

/** @param id the item's, '' without one. @param number that belongs to it, −1 without one */
export function itemReason({ reason, between, after = '' }: ItemError, id: string, number: number): string {
  if (between === undefined) return reason
  return `${reason}${between === 'id' ? id : number}${after}`
}
