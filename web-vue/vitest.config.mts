// How unit tests run; the closing line is one a program can read.
import { defineConfig, mergeConfig } from 'vitest/config'
import type { Reporter, TestModule } from 'vitest/node'
import base from './vite.config.ts'

/** Prints "N passed, N failed" as the last line. */
const closingLine: Reporter = {
  onTestRunEnd(modules: readonly TestModule[], errors) {
    let passed = 0
    let failed = errors.length
    for (const module of modules) {
      if (module.errors().length > 0) failed += 1
      for (const test of module.children.allTests()) {
        if (test.result().state === 'passed') passed += 1
        else failed += 1
      }
    }
    process.on('exit', () => process.stdout.write(`${passed} passed, ${failed} failed\n`))
  },
}

export default mergeConfig(
  base,
  defineConfig({
    test: { environment: 'happy-dom', include: ['src/**/*.test.ts'], reporters: ['default', closingLine] },
  }),
)
