// SPDX-License-Identifier: Apache-2.0
//
// The conformance kit for providers, on real engines.
import { test } from 'node:test'
import { conformanceChecks, runCheck } from '../../src/testing/provider-conformance.ts'
import { describeEngines } from './use-engine.ts'

describeEngines('conformance', (engine) => {
  for (const check of conformanceChecks) {
    test(check.title, async (t) => {
      const reason = await runCheck(check, engine.options())
      if (reason !== undefined) t.skip(reason)
    })
  }
})
