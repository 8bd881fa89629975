/** How figures, ages and times are written. Pure. */

const thin = '\u202f'

/** `41 220`: whole, with thin separators; small ones keep a decimal. */
export function count(value: number): string {
  if (value > 0 && value < 10 && !Number.isInteger(value)) return value.toFixed(1)
  const text = String(Math.round(Math.abs(value)))
  return (value < 0 ? '−' : '') + text.replace(/\B(?=(\d{3})+$)/g, thin)
}

/** `41.2 k`: for charts and small places. */
export function short(value: number): string {
  for (const [size, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (Math.abs(value) >= size) return `${(value / size).toFixed(Math.abs(value) >= size * 100 ? 0 : 1)}${thin}${unit}`
  }
  return count(value)
}

export function bytes(value: number): string {
  for (const [size, unit] of [
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
  ] as const) {
    if (value >= size) return `${(value / size).toFixed(value >= size * 100 ? 0 : 1)} ${unit}`
  }
  return `${Math.round(value)} B`
}

/** `0.4 s`, `2 min`, `3.5 h`, `12 days`. */
export function age(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 100) return `${Math.round(seconds)} s`
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} h`
  return `${Math.round(seconds / 86_400)} days`
}

/** `0.1`, `100 %`: shares have four decimals at most. */
export const percent = (part: number): string => `${Number((part * 100).toFixed(2))} %`

const sameDay = (a: Date, b: Date): boolean => a.toDateString() === b.toDateString()
const two = (value: number): string => String(value).padStart(2, '0')
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `12:04:31` of today, else `21 Nov 12:04`; in the time of the browser. */
export function time(at: string, now = new Date()): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return at
  const hours = `${two(date.getHours())}:${two(date.getMinutes())}`
  if (sameDay(date, now)) return `${hours}:${two(date.getSeconds())}`
  return `${date.getDate()} ${months[date.getMonth()]} ${hours}`
}

/** The parts of a time, in that of the browser: `21 Nov`, `08:00`. */
export function clock(ms: number): { readonly day: string; readonly time: string } {
  const date = new Date(ms)
  return { day: `${date.getDate()} ${months[date.getMonth()]}`, time: `${two(date.getHours())}:${two(date.getMinutes())}` }
}

/** `12 Dec, 21 days`; `12 Dec, 2 days ago`. */
export function day(text: string, now = new Date()): string {
  const date = new Date(`${text}T00:00:00`)
  const days = Math.ceil((date.getTime() - now.getTime()) / 86_400_000)
  const far = days === 0 ? 'today' : days < 0 ? `${-days} ${days === -1 ? 'day' : 'days'} ago` : `${days} ${days === 1 ? 'day' : 'days'}`
  return `${date.getDate()} ${months[date.getMonth()]}, ${far}`
}

/** Whole days until a day; negative once it is over. */
export const daysUntil = (text: string, now = new Date()): number =>
  Math.ceil((new Date(`${text}T00:00:00`).getTime() - now.getTime()) / 86_400_000)

/** `1 minute`, `3 minutes`. */
export const plural = (value: number, one: string, many = `${one}s`): string => `${count(value)} ${value === 1 ? one : many}`

/** Names come from senders and may be of any length. */
export const clip = (text: string, most = 120): string => (text.length > most ? `${text.slice(0, most)}…` : text)
