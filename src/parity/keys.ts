/** Which keys are meant: globs of the command line. */

const partsOf = (globs: readonly string[]): readonly string[] =>
  globs
    .flatMap((one) => one.split(','))
    .map((one) => one.trim())
    .filter((one) => one !== '')

/** Those of them that are names of one key each. */
export const plainKeys = (globs: readonly string[]): readonly string[] => partsOf(globs).filter((one) => !/[*?]/.test(one))

/** True for keys that one of the globs fits (`*` is any text, `?` one character; commas separate globs), for every key without globs. */
export function keyFilter(globs: readonly string[]): (key: string) => boolean {
  const patterns = partsOf(globs).map(
    (one) =>
      new RegExp(
        `^${one
          .replace(/[.+^${}()|[\]\\]/g, '\\$&')
          .replaceAll('*', '.*')
          .replaceAll('?', '.')}$`,
        'is',
      ),
  )
  return (key) => patterns.length === 0 || patterns.some((pattern) => pattern.test(key))
}
