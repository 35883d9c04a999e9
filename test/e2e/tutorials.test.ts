// SPDX-License-Identifier: Apache-2.0
//
// The tutorials that use kubectl, executed as they stand on the cluster of `virtual-kubelet up`; a real
// control plane has no part in them.
import { dirname } from 'node:path'
import { describe, test } from 'node:test'
import { runTutorial } from '../support/tutorial.ts'
import { findKubectl, kubectlSkipReason } from './find-kubectl.ts'
import { skipReason } from './requirements.ts'
import { isQuick } from './scenario-size.ts'
import { planeKind } from './test-control-plane.ts'

const ownPlane = planeKind === 'real' && 'brings up an embedded control plane: run with that one'
const tooLong = isQuick && 'keeps a core busy for ten seconds: not in a quick run'

describe('tutorials', { skip: skipReason || kubectlSkipReason || ownPlane || tooLong }, () => {
  for (const name of ['ci-workers', 'burst']) {
    test(`docs/tutorials/${name}.md does what it says`, async () => {
      await runTutorial(name, [dirname(findKubectl())])
    })
  }
})
