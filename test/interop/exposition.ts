/** Counters and gauges as a program shows them. */

/** The series of a metric on a page of Prometheus text: values by what stands between the braces. */
export async function metricOn(page: string, name: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(page)).text()
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (match?.[1] === name) found.set(match[2] ?? '', Number(match[3]))
  }
  return found
}
