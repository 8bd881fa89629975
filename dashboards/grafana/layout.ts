/** Places of panels on the grid of 24 columns: those of old rows, and whether places are sound. Sections 5.6 and 15.10 of the reference. */

/** In columns (of 24) and rows (of 30 px and a margin of 8). */
export interface GridPos {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

export const gridColumns = 24

/** Two places that share a cell, by their index. */
export interface Overlap {
  readonly one: number
  readonly other: number
}

/** Cells that are told apart; of more panels no dashboard is made. */
const mostCells = 4_000_000

/** Panels that lie over each other, or outside of the columns (`one` equals `other` then). Linear in the cells that panels cover. */
export function overlaps(places: readonly GridPos[]): Overlap[] {
  const owner = new Map<number, number>()
  const found: Overlap[] = []
  let cells = 0
  for (const [index, { x, y, w, h }] of places.entries()) {
    if (x < 0 || y < 0 || w < 1 || h < 1 || x + w > gridColumns) found.push({ one: index, other: index })
    const others = new Set<number>()
    for (let row = Math.max(0, y); row < y + h && cells < mostCells; row += 1) {
      for (let column = Math.max(0, x); column < Math.min(gridColumns, x + w); column += 1) {
        cells += 1
        const cell = row * gridColumns + column
        const there = owner.get(cell)
        if (there === undefined) owner.set(cell, index)
        else others.add(there)
      }
    }
    for (const other of others) found.push({ one: other, other: index })
  }
  return found
}

/** The order in which panels are read: from top to bottom, then from left to right. Gives their indices. */
export const readingOrder = (places: readonly Pick<GridPos, 'x' | 'y'>[]): number[] =>
  places
    .map(({ x, y }, index) => ({ x, y, index }))
    .toSorted((one, other) => one.y - other.y || one.x - other.x || one.index - other.index)
    .map(({ index }) => index)

/** Height of a row of Grafana's grid, margin included. */
const rowPixels = 38
/** What a row is high that does not say it. */
const usualPixels = 250

/** `250px`, `250` → rows of the grid, rounded up. */
export function gridHeight(height: unknown): number {
  const pixels = typeof height === 'number' ? height : typeof height === 'string' ? Number.parseFloat(height) : Number.NaN
  return Math.min(1000, Math.max(1, Math.ceil((Number.isFinite(pixels) && pixels > 0 ? pixels : usualPixels) / rowPixels)))
}

/** `span` of 12 → columns. */
export function gridWidth(span: unknown): number {
  const twelfth = typeof span === 'number' ? span : typeof span === 'string' ? Number.parseFloat(span) : Number.NaN
  const width = Math.floor((Number.isFinite(twelfth) && twelfth > 0 ? Math.min(12, twelfth) : 4) * 2)
  return Math.max(1, Math.min(gridColumns, width))
}

/** Places panels of one row from left to right; what does not fit goes on below. Gives the places, and the first free line behind them. */
export function placeRow(
  panels: readonly { readonly w: number; readonly h: number }[],
  top: number,
): { readonly places: GridPos[]; readonly bottom: number } {
  const places: GridPos[] = []
  let x = 0
  let y = top
  let line = 0
  for (const { w, h } of panels) {
    if (x + w > gridColumns) {
      x = 0
      y += line
      line = 0
    }
    places.push({ x, y, w, h })
    x += w
    line = Math.max(line, h)
  }
  return { places, bottom: y + line }
}
