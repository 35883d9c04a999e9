// SPDX-License-Identifier: Apache-2.0
//
// The tutorials that use kubectl, executed as they stand on the cluster of `virtual-kubelet up`.
import { describe, test } from 'node:test'
import { runTutorial } from '../support/tutorial.ts'
import { buildControlPlane } from './control-plane/build.ts'
import { skipReason } from './requirements.ts'

describe('tutorials', { skip: skipReason }, () => {
  for (const name of ['ci-workers', 'burst']) {
    test(`docs/tutorials/${name}.md does what it says`, async () => {
      await runTutorial(name, [buildControlPlane()])
    })
  }
})
