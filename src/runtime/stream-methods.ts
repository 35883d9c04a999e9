// SPDX-License-Identifier: Apache-2.0
// Exec, attach and port-forward of a pod provider, where its runtime has them: they need nothing of the
// lifecycle but which run of a container is going on.
import type { PodProvider, PodRef } from '../provider/provider.ts'
import { VkError } from '../util/vk-error.ts'
import type { ContainerRuntime } from './container-runtime.ts'
import { attemptDir } from './pod-dirs.ts'
import type { RunningContainer } from './pod-machine.ts'

export type StreamMethods = Pick<PodProvider, 'exec' | 'attach' | 'portForward'>

/** The methods that this runtime can carry out; `find` answers the run that is going on, if one is. */
export function streamMethods(
  runtime: ContainerRuntime,
  {
    find,
    rootDir,
  }: {
    readonly find: (ref: PodRef, container: string) => RunningContainer | undefined
    readonly rootDir: string
  },
): StreamMethods {
  const running = (ref: PodRef, container: string): RunningContainer => {
    const found = find(ref, container)
    if (found) return found
    throw new VkError('NotFound', `container not found (${JSON.stringify(container)})`)
  }
  const exec = runtime.exec?.bind(runtime)
  const attach = runtime.attach?.bind(runtime)
  const portForward = runtime.portForward?.bind(runtime)
  return {
    ...(exec && {
      exec: async (ref, container, options, context) => {
        const { key, pod, spec } = running(ref, container)
        return await exec(key, { ...options, pod, spec }, context)
      },
    }),
    ...(attach && {
      attach: async (ref, container, options, context) => {
        const { key, spec } = running(ref, container)
        const dir = attemptDir(rootDir, key)
        return await attach(key, { ...options, spec, attemptDir: dir }, context)
      },
    }),
    ...(portForward && { portForward }),
  }
}
