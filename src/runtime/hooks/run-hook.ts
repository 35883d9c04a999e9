// SPDX-License-Identifier: Apache-2.0
// Carries out one hook: a command in the container, a request to it, or a pause. What it says may hold
// secrets of the workload, so that nothing of it leaves this file.
import type {
  ExecAction,
  HTTPGetAction,
  LifecycleHandler,
  SleepAction,
} from '../../kube/types.gen.ts'
import type { RecordedEvent } from '../../kube/event-recorder.ts'
import type { PodRef } from '../../provider/provider.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { VkError } from '../../util/vk-error.ts'
import type { HookOrder, RunHook } from '../container-hooks.ts'
import type { ContainerRuntime } from '../container-runtime.ts'
import { execInContainer } from '../probes/exec-in-container.ts'
import { FailedGet, httpGet } from '../probes/http-get.ts'
import { httpRequestFor } from '../probes/http-request.ts'
import { podDial } from '../probes/pod-dial.ts'
import { joinHostPort } from '../probes/resolve-port.ts'

export interface HookTools {
  readonly runtime: ContainerRuntime
  readonly clock: Clock
  readonly log: Logger
  recordEvent(ref: PodRef, event: RecordedEvent): void
}

/** The one that really does it. */
export function hookRunner(tools: HookTools): RunHook {
  return async (handler: LifecycleHandler, order, signal) => {
    const { exec, httpGet: action, sleep } = handler
    if (exec) return await runCommand(exec, order, { tools, signal })
    if (action) return await sendRequest(action, order, { tools, signal })
    if (sleep) return await pause(sleep, { tools, signal })
    throw new VkError('Invalid', 'Cannot run handler: it names no action')
  }
}

interface Means {
  readonly tools: HookTools
  readonly signal: AbortSignal
}

async function runCommand(
  { command = [] }: ExecAction,
  { key, pod, spec }: HookOrder,
  { tools, signal }: Means,
): Promise<void> {
  // A later life of ours runs it again, and finds nothing of this one's under way.
  const { exitCode } = await execInContainer(
    { key, pod, spec, command, endsWithCaller: true },
    { ...tools, maxOutputBytes: 0 },
    { signal, log: tools.log },
  )
  if (exitCode !== 0) throw new VkError('Invalid', `its command exited with ${exitCode}`)
}

/** Any answer will do. One that comes without TLS where it was asked for is asked for again without. */
async function sendRequest(
  action: HTTPGetAction,
  { key, spec, podIP }: HookOrder,
  { tools, signal }: Means,
): Promise<void> {
  const request = httpRequestFor(action, { spec, podIP, purpose: 'lifecycle' })
  const dial = podDial(tools, { pod: key.pod, podIP })
  const options = { signal, maxBodyBytes: 0, dial }
  try {
    await httpGet(request, options)
  } catch (error) {
    if (!(error instanceof FailedGet) || !error.isPlainServer) throw error
    const { Authorization: _, ...headers } = request.headers
    await httpGet({ ...request, scheme: 'http', headers }, options)
    const server = joinHostPort(request.host, request.port)
    const message = `request to HTTPS lifecycle hook ${server} got HTTP response, retry with HTTP succeeded`
    tools.recordEvent(key.pod, { type: 'Warning', reason: 'LifecycleHTTPFallback', message })
  }
}

async function pause({ seconds }: SleepAction, { tools, signal }: Means): Promise<void> {
  await tools.clock.sleep(seconds * 1000, { signal })
}
