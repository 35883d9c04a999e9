// SPDX-License-Identifier: Apache-2.0
// What a launch needs to know, found out before anything is written or run.
import type { HiddenDir } from './hidden-dir.ts'
import type { Sandbox } from './isolation/sandbox.ts'
import type { Program } from './program.ts'
import type { RunUser } from './users.ts'

/** Everything one launch needs; nothing is looked up any more. */
export interface LaunchPlan {
  /** Directory of the launch record. */
  readonly dir: string
  readonly stdoutPath: string
  readonly stderrPath: string
  readonly program: Program
  readonly env: ReadonlyMap<string, string>
  /** Undefined: stay who we are. */
  readonly user: RunUser | undefined
  readonly noNewPrivileges: boolean
  /** Capabilities that the container can never have, such as NET_RAW, or ALL. */
  readonly dropped: readonly string[]
  /** Undefined: the container sees all that its user may see. */
  readonly hidden: HiddenDir | undefined
  /** Undefined: the container is a process among the host's. */
  readonly isolation: Sandbox | undefined
  readonly cgroupFiles: readonly string[]
  readonly killFile: string | undefined
  /** Its input is a pipe in `dir`, see container-input.ts; else it reads /dev/null. */
  readonly hasInput: boolean
}
