/** Lines of the standard input in lists of at most 500, each complete after a second at the latest: what an application that logs would gather. */

const { createInterface } = require('node:readline')

exports.lists = async function* lists(most = 500, longestMs = 1000) {
  const waiting = []
  let ended = false
  let wake = () => {}
  const input = createInterface({ input: process.stdin })
  input.on('line', (line) => {
    waiting.push(line)
    if (waiting.length >= most) {
      // As much as one list is read ahead; then whoever writes has to wait.
      input.pause()
      wake()
    }
  })
  input.on('close', () => {
    ended = true
    wake()
  })
  for (;;) {
    if (waiting.length < most && !ended) {
      await new Promise((settle) => {
        const timer = setTimeout(settle, longestMs)
        wake = () => {
          clearTimeout(timer)
          settle()
        }
      })
    }
    while (waiting.length > 0) yield waiting.splice(0, most)
    if (ended) return
    input.resume()
  }
}

exports.documentOf = (line) => ({ '@timestamp': new Date().toISOString(), message: line, 'log.level': 'info' })

/** Counts faults by their words. */
exports.createFaults = () => {
  const counted = {}
  return {
    counted,
    add(fault, count = 1) {
      const words = String(fault).slice(0, 120)
      if (words in counted || Object.keys(counted).length < 8) counted[words] = (counted[words] ?? 0) + count
    },
  }
}

exports.say = (delivered, lost, { counted }) => console.log(`said ${JSON.stringify({ delivered, lost, faults: counted })}`)
