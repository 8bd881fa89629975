import { defineConfig } from 'vitest/config'

/** Tests against real peers: slow (they start a JVM, Jaeger, clients in four languages), one file at a time. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.interop.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 240_000,
  },
})
