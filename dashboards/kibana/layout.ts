/** Places of panels in Kibana → places in Grafana: section 8.2 of the reference. */

import { type JsonObject, numberOf, objectOf } from './value.ts'

/** In units of the grid that it is of: Kibana 48 columns and rows of 20 px, Grafana 24 columns and rows of 30 px, each with a margin of 8. */
export interface Place {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

const columns = 24
/** Largest coordinate that is believed. */
const farthest = 100_000

const within = (value: number | undefined, low: number, high: number, absent: number): number =>
  Math.min(high, Math.max(low, Math.floor(value ?? absent)))

/** Place of a panel in Kibana's units; of 5.x, which counts 12 columns from 1, as well. */
export function kibanaPlace(panel: JsonObject): Place {
  const grid = objectOf(panel.gridData ?? panel.grid)
  if (numberOf(grid.w) !== undefined) {
    const w = within(numberOf(grid.w), 1, 48, 24)
    return {
      x: within(numberOf(grid.x), 0, 48 - w, 0),
      y: within(numberOf(grid.y), 0, farthest, 0),
      w,
      h: within(numberOf(grid.h), 1, 1000, 15),
    }
  }
  const w = within(numberOf(panel.size_x), 1, 12, 6) * 4
  // A row of 5.x is as high as five of now.
  return {
    x: Math.min(48 - w, within(numberOf(panel.col), 1, 12, 1) * 4 - 4),
    y: within(numberOf(panel.row), 1, farthest / 5, 1) * 5 - 5,
    w,
    h: within(numberOf(panel.size_y), 1, 200, 4) * 5,
  }
}

const height = (rows: number): number => Math.max(3, Math.round((rows * 28) / 38))

/** Reading order: from top to bottom, then from left to right. */
export const inOrder = (one: Place, other: Place): number => one.y - other.y || one.x - other.x

interface Box {
  x: number
  y: number
  w: number
  h: number
}

/** Lowest row at which the columns from `x` on are free. */
function floorOf(heights: readonly number[], { x, w }: Box): number {
  let floor = 0
  for (let column = x; column < x + w; column++) floor = Math.max(floor, heights[column] ?? 0)
  return floor
}

/** Columns: half as many, outer edges kept, so that neighbours at odd columns may share one; the right one gives way. */
function across(places: readonly Place[]): Box[] {
  const boxes = places.map(({ x, y, w, h }) => {
    const left = Math.min(columns - 1, Math.floor(x / 2))
    return { x: left, y, w: Math.max(1, Math.min(columns, Math.ceil((x + w) / 2)) - left), h }
  })
  // Rows of panels that stand beside one another are met in reading order, so a panel has neighbours only before it.
  for (const [index, box] of boxes.entries()) {
    for (let before = Math.max(0, index - columns); before < index; before++) {
      const other = boxes[before]
      const [place, otherPlace] = [places[index], places[before]]
      if (other === undefined || place === undefined || otherPlace === undefined) continue
      const isBeside = otherPlace.y < place.y + place.h && place.y < otherPlace.y + otherPlace.h
      if (!isBeside) continue
      const isRight = otherPlace.x + otherPlace.w <= place.x
      const isLeft = place.x + place.w <= otherPlace.x
      if (isRight && other.x + other.w > box.x && other.x + other.w < columns) {
        const right = box.x + box.w
        box.x = other.x + other.w
        box.w = Math.max(1, right - box.x)
      } else if (isLeft && box.x + box.w > other.x && other.x > box.x) box.w = other.x - box.x
    }
  }
  return boxes
}

/**
 * Places in Grafana's units, one for each of `places`, which are in reading order. No two overlap; the reading order stays; gaps of Kibana stay as gaps, a little
 * smaller or larger, as rows are of another height.
 */
export function grafanaPlaces(places: readonly Place[]): readonly Place[] {
  const boxes = across(places)
  const heights: number[] = Array.from({ length: columns }, () => 0)
  /** Lowest top that a later panel may have, so that order stays. */
  let top = 0
  const placed: Place[] = []
  /** Column of the last panel that starts at `top`. */
  let left = -1
  let lastY = -1
  for (const [index, box] of boxes.entries()) {
    const place = places[index]
    if (place === undefined) continue
    const wanted = Math.round((place.y * 28) / 38)
    let y = Math.max(wanted, floorOf(heights, box), top)
    // Panels that started in one row start in one row.
    if (place.y === lastY) y = Math.max(top, floorOf(heights, box))
    // Two rows of Kibana may fall on one.
    if (y === top && box.x <= left) y = Math.max(top + 1, floorOf(heights, box))
    const h = height(place.h)
    placed.push({ x: box.x, y, w: box.w, h })
    for (let column = box.x; column < box.x + box.w; column++) heights[column] = y + h
    if (y > top || left < 0) left = box.x
    else left = Math.max(left, box.x)
    top = Math.max(top, y)
    lastY = place.y
  }
  return placed
}
