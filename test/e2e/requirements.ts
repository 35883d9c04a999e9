// SPDX-License-Identifier: Apache-2.0
//
// Whether end-to-end tests can run here. They can inside of what run.ts sets up; anywhere else they
// are skipped with the reason, so that a runner that finds these files stays green and says why.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { namespaceObstacle } from './network-namespace.ts'
import { planeKind } from './test-control-plane.ts'

/** Names the folder for logs; also the sign that we are inside the namespace of run.ts. */
export const FOLDER_VARIABLE = 'VK_E2E_FOLDER'

/** Whether run.ts has made a network namespace around us. */
export function isInNamespace(): boolean {
  return Boolean(process.env[FOLDER_VARIABLE])
}

/** Why end-to-end tests cannot run, or false; for node:test's option `skip`. */
export const skipReason: string | false = reason()

let ownFolder: string | undefined

/** The folder of this run; it is kept if a test fails. */
export function runFolder(): string {
  const folder = process.env[FOLDER_VARIABLE] ?? ownFolder
  if (folder) return folder
  if (planeKind === 'real') throw new Error('Cannot start a cluster: run it with test/e2e/run.ts')
  const made = mkdtempSync(join(tmpdir(), 'vk-e2e-'))
  // Pods of other users have to reach their volumes below it; private files have modes of their own.
  chmodSync(made, 0o711)
  process.on('exit', (code) => {
    if (code === 0) rmSync(made, { recursive: true, force: true })
    else console.error(`Logs of the failed run are in ${made}`)
  })
  ownFolder = made
  return made
}

function reason(): string | false {
  if (planeKind === 'embedded') return false
  const obstacle = namespaceObstacle()
  if (obstacle !== undefined) return obstacle
  return isInNamespace() ? false : 'needs the network namespace of test/e2e/run.ts'
}
