// SPDX-License-Identifier: Apache-2.0
//
// Whether end-to-end tests can run here. They can inside of what run.ts sets up; anywhere else they
// are skipped with the reason, so that a runner that finds these files stays green and says why.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { namespaceObstacle } from './network-namespace.ts'
import { planeKind } from './test-control-plane.ts'

/** Names the folder for logs, which run.ts has made. */
export const FOLDER_VARIABLE = 'VK_E2E_FOLDER'

/** The sign that we are inside the namespace of run.ts. */
export const NAMESPACE_VARIABLE = 'VK_E2E_NAMESPACE'

/** Whether run.ts has made a network namespace around us. */
export function isInNamespace(): boolean {
  return Boolean(process.env[NAMESPACE_VARIABLE])
}

/** Why end-to-end tests cannot run, or false; for node:test's option `skip`. */
export const skipReason: string | false = reason()

let ownFolder: string | undefined

/** The folder of this run; it is kept if a test fails. */
export function runFolder(): string {
  const folder = process.env[FOLDER_VARIABLE] ?? ownFolder
  if (folder) return folder
  const made = makeRunFolder()
  process.on('exit', (code) => {
    if (code === 0) rmSync(made, { recursive: true, force: true })
    else console.error(`Logs of the failed run are in ${made}`)
  })
  ownFolder = made
  return made
}

/** Makes a folder for the logs and data of one run. */
export function makeRunFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vk-e2e-'))
  // Pods of other users have to reach their volumes below it; private files have modes of their own.
  chmodSync(folder, 0o711)
  return folder
}

function reason(): string | false {
  if (planeKind === 'embedded') {
    return process.platform === 'linux' ? false : 'needs Linux, for /proc and addresses of loopback'
  }
  const obstacle = namespaceObstacle()
  if (obstacle !== undefined) return obstacle
  return isInNamespace() ? false : 'needs the network namespace of test/e2e/run.ts'
}
