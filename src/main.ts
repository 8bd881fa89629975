/** The entry: checks the Node.js it runs on, hands the arguments to the command line, and holds the only `process.exit`. */

import { createProcessIo } from './cli/io.ts'

/** The oldest Node.js that has all we use (`node:sqlite`, zstd, undici's needs). */
const oldestNode = [22, 22] as const

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
  process.stderr.write(
    `OB_NODE_VERSION: cannot run on Node.js ${process.versions.node}: ${oldestNode.join('.')} or newer is needed; ` +
      'install with optional dependencies, which bring one\n',
  )
  process.exit(2)
}

const io = createProcessIo((code) => process.exit(code))
const { runCommandLine } = await import('./cli/args.ts')
const code = await runCommandLine(process.argv.slice(2), io)
await io.drained()
process.exit(code)
