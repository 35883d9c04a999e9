// SPDX-License-Identifier: Apache-2.0
// A durable control plane as a process that a test can kill: node durable-control-plane.ts DATA_DIR.
// Prints the administrator's kubeconfig as one line of JSON once it serves. Runs no controllers.
import { startControlPlane } from '../../src/control-plane/control-plane.ts'
import { silentLogger } from '../../src/util/logger.ts'

const [dataDir = ''] = process.argv.slice(2)
const plane = await startControlPlane({ dataDir, hasControllers: false, log: silentLogger })
console.log(JSON.stringify(plane.adminKubeconfig))
