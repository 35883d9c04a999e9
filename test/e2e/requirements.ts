// SPDX-License-Identifier: Apache-2.0
//
// Whether end-to-end tests can run here. They can inside of what run.ts sets up; anywhere else they
// are skipped with the reason, so that a runner that finds these files stays green and says why.
import { namespaceObstacle } from './network-namespace.ts'

/** Names the folder for logs; also the sign that we are inside the namespace of run.ts. */
export const FOLDER_VARIABLE = 'VK_E2E_FOLDER'

/** Why end-to-end tests cannot run, or false; for node:test's option `skip`. */
export const skipReason: string | false = reason()

/** The folder of this run; it is kept if a test fails. */
export function runFolder(): string {
  const folder = process.env[FOLDER_VARIABLE]
  if (!folder) throw new Error('Cannot start a cluster: run it with test/e2e/run.ts')
  return folder
}

function reason(): string | false {
  const obstacle = namespaceObstacle()
  if (obstacle !== undefined) return obstacle
  return process.env[FOLDER_VARIABLE] ? false : 'needs the network namespace of test/e2e/run.ts'
}
