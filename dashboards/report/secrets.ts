/** A last sieve in front of a report: what looks like a password or a token in a text is blotted out. Converters hand none over; this is for what they could not know. */

const userInfo = /(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@:"']{1,200}:[^\s/@"']{1,500}@/gi
const bearer = /\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{12,2000}/gi
const named =
  /((?:password|passwd|client[_-]?secret|secret[_-]?key|api[_-]?key|apikey|access[_-]?token|auth[_-]?token|private[_-]?key|webhook[_-]?url)["']?\s{0,3}[:=]\s{0,3})(["']?)[^\s"',;&}]{3,2000}/gi
const hooks =
  /(https:\/\/hooks\.slack\.com\/services\/|https:\/\/discord(?:app)?\.com\/api\/webhooks\/|https:\/\/[\w.-]{1,100}\.webhook\.office\.com\/)[^\s"']{1,500}/gi

/** The text, with `***` where a secret seems to stand. */
export const masked = (text: string): string =>
  text.replace(userInfo, '$1***@').replace(bearer, '$1 ***').replace(named, '$1$2***').replace(hooks, '$1***')
