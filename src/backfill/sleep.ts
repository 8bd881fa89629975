/** Waiting that can be cut short. */

/** Resolves after that time or when aborted, whichever is first; never rejects, and leaves nothing behind. */
export function sleepFor(ms: number, abort: AbortSignal): Promise<void> {
  if (abort.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      abort.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    abort.addEventListener('abort', end, { once: true })
  })
}
