/** Some browsers name a language that `Intl` does not take (`en-US@posix`), on which libraries fail as they load: this is loaded before them. */

try {
  new Intl.NumberFormat(navigator.language)
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en', configurable: true })
}
