// Two projects: `unit` (anything quick) and `e2e` (whole daemons and real clients, each file with a
// world of its own, two at a time). Forks, so that a crash in the addon ends one worker and not the run.
import { configDefaults, defineConfig } from 'vitest/config'

const whole = ['test/e2e/**/*.test.ts', 'test/interop/**/*.test.ts']

export default defineConfig({
  test: {
    pool: 'forks',
    exclude: [...configDefaults.exclude, 'build/**'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, 'build/**', ...whole],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: whole,
          testTimeout: 600_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
    ],
  },
})
