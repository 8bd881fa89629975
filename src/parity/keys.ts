/** Which keys are meant: globs of the command line. */

/** True for keys that one of the globs fits (`*` is any text, `?` one character; commas separate globs), for every key without globs. */
export function keyFilter(globs: readonly string[]): (key: string) => boolean {
  const patterns = globs
    .flatMap((one) => one.split(','))
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map(
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
