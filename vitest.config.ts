import { defineConfig } from "vitest/config"

/** Percent of the lines of `packages/<name>/src` that the tests run. It only rises. */
const coverageFloor = 98

const integration = "**/*.integration.test.ts"

export default defineConfig({
  test: {
    allowOnly: false,
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      exclude: ["**/generated/**", "packages/*/src/index.ts"],
      reporter: ["text", "html"],
      reportsDirectory: "build/coverage",
      thresholds: { lines: coverageFloor }
    },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "examples/**/*.test.ts"],
          exclude: [integration, "**/node_modules/**"],
          maxWorkers: 2,
          sequence: { groupOrder: 0 }
        }
      },
      {
        // The real CLI: processes and real time, so one file at a time.
        extends: true,
        test: {
          name: "integration",
          include: [integration],
          exclude: ["**/node_modules/**", "**/build/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
