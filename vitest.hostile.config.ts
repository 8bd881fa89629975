import { defineConfig } from 'vitest/config'

/** Hostile input against a bridge in a process of its own; one file at a time, since memory is measured. */
export default defineConfig({
  test: {
    include: ['test/hostile/**/*.hostile.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
