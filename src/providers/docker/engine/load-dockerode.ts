// SPDX-License-Identifier: Apache-2.0
// dockerode is an optional peer: it is loaded when a node with this provider is made, and whoever does not
// have it is told the one line that installs it.
import type Dockerode from 'dockerode'
import { UserError } from '../../../util/vk-error.ts'

const packageName = 'dockerode'

/** The class of the package; UserError where it is not installed. */
export async function loadDockerode(): Promise<typeof Dockerode> {
  try {
    return (await import('dockerode')).default
  } catch (cause) {
    throw new UserError(`Cannot use provider "docker": it needs the package ${packageName}`, {
      hint: `Install it: npm install ${packageName}@5.0.1`,
      cause,
    })
  }
}
