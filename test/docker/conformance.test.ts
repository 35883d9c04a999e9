// SPDX-License-Identifier: Apache-2.0
//
// The conformance kit for providers, on real engines.
import { test } from 'node:test'
import { conformanceChecks, runCheck } from '../../src/testing/provider-conformance.ts'
import { describeEngines } from './use-engine.ts'

/** busybox's nc has room for one connection that waits; the kernel drops those beyond. */
const needsBacklog = 'connections to a port run side by side and do not mix'

/** Podman ends a container's input with the first client that leaves. */
const needsInput = 'a client that leaves takes nothing with it, and another may come'

describeEngines('conformance', (engine) => {
  for (const check of conformanceChecks) {
    test(check.title, async (t) => {
      if (check.title === needsBacklog) return t.skip("the test image's server cannot do it")
      if (check.title === needsInput && engine.kind === 'podman') {
        return t.skip('Podman ends the input with the first client')
      }
      const reason = await runCheck(check, engine.options())
      if (reason !== undefined) t.skip(reason)
    })
  }
})
