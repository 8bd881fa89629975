/** A doubly linked list of small whole numbers, each in it once at the most: members are added at the end and removed anywhere. */

const absent = -2
const end = -1

export class Chain {
  head = end
  private tail = end
  private next = new Int32Array(0)
  private previous = new Int32Array(0)

  /** Makes room for numbers below `count`. */
  ensure(count: number): void {
    const before = this.next.length
    if (count <= before) return
    const next = new Int32Array(count)
    const previous = new Int32Array(count).fill(absent, before)
    next.set(this.next)
    previous.set(this.previous)
    this.next = next
    this.previous = previous
  }

  has(one: number): boolean {
    return this.previous[one] !== absent
  }

  append(one: number): void {
    this.previous[one] = this.tail
    this.next[one] = end
    if (this.tail === end) this.head = one
    else this.next[this.tail] = one
    this.tail = one
  }

  /** Does nothing when it is not in the list. */
  remove(one: number): void {
    const previous = this.previous[one] as number
    if (previous === absent) return
    const next = this.next[one] as number
    if (previous === end) this.head = next
    else this.next[previous] = next
    if (next === end) this.tail = previous
    else this.previous[next] = previous
    this.previous[one] = absent
  }
}
