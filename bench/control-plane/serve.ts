// SPDX-License-Identifier: Apache-2.0
//
// The embedded control plane as a process to measure, without controllers:
//   node serve.ts FILE [DATA_DIR]
// Writes the administrator's kubeconfig to FILE once it serves. SIGTERM ends it in order, so that node can
// write a profile.
import { renameSync, writeFileSync } from 'node:fs'
import { startControlPlane } from '../../src/control-plane/control-plane.ts'
import { createPinoLogger } from '../../src/observe/pino-logger.ts'

const [file = '', dataDir] = process.argv.slice(2)
const log = createPinoLogger({ level: 'warn', format: 'text' })
const controlPlane = await startControlPlane({ dataDir, hasControllers: false, log })
process.on('SIGTERM', () => {
  void controlPlane[Symbol.asyncDispose]().then(() => process.exit(0))
})
writeFileSync(`${file}.new`, controlPlane.adminKubeconfig)
renameSync(`${file}.new`, file)
