// SPDX-License-Identifier: Apache-2.0
// exec: success is exit code 0. A command that cannot even be started says nothing about the container.
import type { ExecAction } from '../../kube/types.gen.ts'
import type { Clock } from '../../util/clock.ts'
import { expand } from '../../util/expand.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { ContainerRuntime } from '../container-runtime.ts'
import { goDuration } from '../decide/go-duration.ts'
import { execInContainer } from './exec-in-container.ts'
import { maxOutputBytes, ProbeError, ProbeTimeout } from './probe-order.ts'
import type { ProbeAnswer, ProbeOrder } from './probe-order.ts'
import type { ProbeShell } from './probe-shell.ts'

export interface ExecProbeParts {
  readonly runtime: ContainerRuntime
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  /** Runs the commands of this very probe, where it can. */
  readonly shell: ProbeShell
}

/** Rejects with a ProbeError when the probe cannot be made, or with the signal's reason. */
export async function probeExec(
  action: ExecAction,
  order: ProbeOrder,
  parts: ExecProbeParts,
): Promise<ProbeAnswer> {
  const { key, pod, spec, timeoutMs } = order
  const command = expandedCommand(action, order)
  const { signal, log } = parts
  try {
    const result =
      (await parts.shell.run(command, { signal, maxOutputBytes })) ??
      (await execInContainer(
        { key, pod, spec, command },
        { ...parts, maxOutputBytes },
        { signal, log },
      ))
    return { result: result.exitCode === 0 ? 'success' : 'failure', output: result.output }
  } catch (error) {
    if (signal.aborted && signal.reason instanceof ProbeTimeout) {
      const what = JSON.stringify(command.join(' '))
      const output = `command timed out: ${what} timed out after ${goDuration(timeoutMs)}`
      return { result: 'failure', output }
    }
    if (signal.aborted) throw error
    throw new ProbeError(messageOf(error))
  }
}

/** Only what the pod says itself is put in: a value from elsewhere counts as empty. */
function expandedCommand({ command = [] }: ExecAction, { spec }: ProbeOrder): readonly string[] {
  const values = new Map(spec.env?.map(({ name, value = '' }) => [name, value]))
  return command.map((word) => expand(word, (name) => values.get(name)))
}
