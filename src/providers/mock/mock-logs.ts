// SPDX-License-Identifier: Apache-2.0
// Output of containers that print nothing: a few lines made up when somebody asks.
import type { LogEntry, LogQuery } from '../../provider/log-feed.ts'
import { VkError } from '../../util/vk-error.ts'
import type { MockPod } from './mock-pod.ts'

const defaultLines = 3
const linesPerBatch = 1000

/** The lines of the current run, or of the one before, in batches; NotFound when there was none. */
export function storedLines(
  pod: MockPod,
  container: string,
  query: LogQuery,
): Iterable<readonly LogEntry[]> {
  const { containers, initContainers, ephemeralContainers, behaviour } = pod.spec
  const all = [...containers, ...initContainers, ...ephemeralContainers]
  const name = `"${pod.ref.namespace}/${pod.ref.name}/${container}"`
  if (!all.some((known) => known.name === container)) {
    throw new VkError('NotFound', `Cannot read logs of ${name}: no such container`)
  }
  const startedAtMs = query.previous ? pod.previous?.startedAtMs : startOf(pod)
  if (startedAtMs === undefined) {
    const why = query.previous ? 'it has no previous run' : 'it has not started'
    throw new VkError('NotFound', `Cannot read logs of ${name}: ${why}`)
  }
  const count = behaviour['log-lines'] ?? defaultLines
  const first = Math.max(0, count - (query.tailLines ?? count))
  return batches(container, { startedAtMs, first, count })
}

function startOf({ run }: MockPod): number | undefined {
  return run.kind === 'starting' ? undefined : run.startedAtMs
}

function* batches(
  container: string,
  of: { readonly startedAtMs: number; readonly first: number; readonly count: number },
): Iterable<readonly LogEntry[]> {
  for (let from = of.first; from < of.count; from += linesPerBatch) {
    const until = Math.min(of.count, from + linesPerBatch)
    const entries: LogEntry[] = []
    for (let line = from; line < until; line++) {
      const bytes = Buffer.from(`mock output of container ${container}, line ${line + 1}\n`)
      entries.push({ timeMs: of.startedAtMs + line / 1000, stream: 'stdout', bytes })
    }
    yield entries
  }
}
