// SPDX-License-Identifier: Apache-2.0
//
// The embedded control plane as a process of its own, so that a test can kill it like any other:
// node serve.ts '{"dataDir": …, "address": …, "port": …}'. SIGUSR2 makes it forget its history.
import { startControlPlane } from '../../../src/control-plane/control-plane.ts'
import { createPinoLogger } from '../../../src/observe/pino-logger.ts'
import type { ServingSettings } from './serving.ts'

const { compactAtStart, ...options } = JSON.parse(process.argv[2] ?? '{}') as ServingSettings
const log = createPinoLogger({ level: 'debug', format: 'text' })
const controlPlane = await startControlPlane({ ...options, log })
if (compactAtStart) controlPlane.compact()
process.on('SIGUSR2', () => controlPlane.compact())
log.info({ server: controlPlane.server }, 'Control plane serves')
