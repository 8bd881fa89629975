/** How the census compares text. */

const plainNumber = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i

/** Without case, and numbers by their value: `200.0` is `200`, `Get` is `get`. */
export function normalized(text: string): string {
  if (plainNumber.test(text)) {
    const number = Number(text)
    if (!/^-?\d+$/.test(text) || Number.isSafeInteger(number)) return String(number)
  }
  return text.toLowerCase()
}
