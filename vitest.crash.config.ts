import { defineConfig } from 'vitest/config'

/** Kills, damage and full disks: slow, one file at a time. `OTLP_BRIDGE_CRASH_ROUNDS` sets how often each is done. */
export default defineConfig({
  test: {
    include: ['test/crash/**/*.crash.test.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 60_000,
  },
})
