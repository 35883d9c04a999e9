// SPDX-License-Identifier: Apache-2.0
// Pods as the API server would hand them out, and what a backend would say of them, for tests.
import type { ContainerStatus, Pod, PodSpec, PodStatus } from '../../src/kube/types.gen.ts'
import type { ObservedPod, PodRef } from '../../src/provider/provider.ts'

export interface TestPodOptions {
  readonly nodeName?: string
  readonly name?: string
  readonly uid?: string
  readonly restartPolicy?: string
  readonly status?: PodStatus
  readonly spec?: Partial<PodSpec>
  readonly annotations?: Readonly<Record<string, string>>
  readonly deletion?: { readonly atMs: number; readonly graceSeconds: number }
}

/** A pod with one container `main`, bound to a node. */
export function testPod(options: TestPodOptions = {}): Pod {
  const { nodeName = 'node', name = 'a', uid = `uid-of-${name}`, status, deletion } = options
  const { restartPolicy = 'Always', annotations } = options
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: 'default',
      name,
      uid,
      generation: deletion ? 2 : 1,
      resourceVersion: '1',
      ...(annotations && { annotations }),
      ...(deletion && {
        deletionTimestamp: new Date(deletion.atMs).toISOString().replace('.000Z', 'Z'),
        deletionGracePeriodSeconds: deletion.graceSeconds,
      }),
    },
    spec: {
      nodeName,
      restartPolicy,
      enableServiceLinks: false,
      containers: [{ name: 'main', image: 'image' }],
      ...options.spec,
    },
    ...(status && { status }),
  }
}

/** What a backend says of a pod whose only container `main` runs, or has ended. */
export function observedPod(
  ref: PodRef,
  {
    hasEnded = false,
    exitCode = 0,
  }: { readonly hasEnded?: boolean; readonly exitCode?: number } = {},
): ObservedPod {
  return {
    ref,
    podIPs: ['10.0.0.1'],
    isSandboxReady: !hasEnded,
    hasEnded,
    containers: [containerStatus({ hasEnded, exitCode })],
    initContainers: [],
    ephemeralContainers: [],
  }
}

/** The status of container `main`. */
export function containerStatus({
  hasEnded,
  exitCode,
}: {
  readonly hasEnded: boolean
  readonly exitCode: number
}): ContainerStatus {
  const startedAt = '2026-01-01T00:00:01Z'
  const finishedAt = '2026-01-01T00:00:02Z'
  const reason = exitCode === 0 ? 'Completed' : 'Error'
  return {
    name: 'main',
    image: 'image',
    imageID: 'image@sha256:0',
    containerID: 'test://1',
    ready: !hasEnded,
    started: !hasEnded,
    restartCount: 0,
    state: hasEnded
      ? { terminated: { exitCode, reason, startedAt, finishedAt } }
      : { running: { startedAt } },
  }
}
