// SPDX-License-Identifier: Apache-2.0
//
// Which kubectl the scenarios use: the one that is built with the real control plane, or any other.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Path of the kubectl to use; run.ts sets it. */
export const KUBECTL_VARIABLE = 'VK_KUBECTL'

/** Throws where there is none: such tests have to be skipped (`kubectlSkipReason`). */
export function findKubectl(): string {
  const found = process.env[KUBECTL_VARIABLE] ?? inPath()
  if (found === undefined) throw new Error(`Cannot find kubectl: set ${KUBECTL_VARIABLE}`)
  return found
}

function inPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, 'kubectl')).find((path) => existsSync(path))
}

/** Why tests that need kubectl cannot run, or false. */
export const kubectlSkipReason: string | false =
  process.env[KUBECTL_VARIABLE] !== undefined || inPath() !== undefined
    ? false
    : `needs kubectl (in PATH, or named by ${KUBECTL_VARIABLE})`
