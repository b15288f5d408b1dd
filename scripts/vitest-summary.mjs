// A vitest reporter that writes what scripts/test.mjs adds up: counts, failures, and the reasons of
// skipped tests, which vitest's own JSON leaves out. The path comes in ASHLAR_TEST_SUMMARY.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export default class SummaryReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const summary = { passed: 0, failed: [], skipped: [] }
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      for (const test of tests) {
        const name = `${module.relativeModuleId} > ${test.fullName}`
        const result = test.result()
        if (result.state === 'passed') summary.passed += 1
        else if (result.state === 'failed')
          summary.failed.push({ name, text: textOf(result.errors) })
        else if (result.state === 'skipped') {
          const unbuilt = test.options.mode === 'todo' ? 'to be written' : 'no reason given'
          summary.skipped.push({ name, reason: result.note ?? unbuilt })
        } else summary.failed.push({ name, text: 'did not finish' })
      }
      // A file that does not load, or a suite hook that throws, has no test to blame.
      const errors = [...module.errors()]
      for (const suite of module.children.allSuites()) errors.push(...suite.errors())
      if (errors.length > 0) {
        summary.failed.push({ name: module.relativeModuleId, text: textOf(errors) })
      } else if (tests.length === 0) {
        summary.failed.push({ name: module.relativeModuleId, text: 'has no tests' })
      }
    }
    for (const error of unhandledErrors) {
      summary.failed.push({ name: 'unhandled error', text: textOf([error]) })
    }
    const path = process.env.ASHLAR_TEST_SUMMARY
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, JSON.stringify(summary, null, 2))
  }
}

const textOf = (errors) => (errors ?? []).map((error) => error.message ?? String(error)).join('\n')
