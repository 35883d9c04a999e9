// SPDX-License-Identifier: Apache-2.0
// A container's output from wherever it is best read: Podman's own file where it is on this machine, because its
// API has whole seconds; else the engine's answer.
import type { LogBatch, LogQuery } from '../../../provider/log-feed.ts'
import type { CallContext } from '../../../provider/provider.ts'
import type { Clock } from '../../../util/clock.ts'
import type { KnownContainer } from '../container/container-state.ts'
import type { ContainerTable } from '../container/container-table.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { readEngineLog } from './engine-log.ts'
import { canReadLog, readLogFile } from './k8s-file-log.ts'

export interface LogParts {
  readonly engine: Engine
  readonly table: Pick<ContainerTable, 'refresh'>
  readonly clock: Clock
}

/** The output of one run, as ContainerRuntime.logs. */
export async function* readContainerLog(
  { engineId, isTerminal, logPath }: KnownContainer,
  {
    parts,
    query,
    context,
  }: { readonly parts: LogParts; readonly query: LogQuery; readonly context: CallContext },
): AsyncGenerator<LogBatch, void, void> {
  const { engine, table, clock } = parts
  const hasEnded = async (signal: AbortSignal): Promise<boolean> => {
    const now = await table.refresh(engineId, signal)
    return now?.run.state.kind !== 'running'
  }
  const { client, kind, isLocal } = engine
  if (kind === 'podman' && isLocal && logPath && (await canReadLog(logPath))) {
    yield* readLogFile({ path: logPath, clock, hasEnded }, query, context)
    return
  }
  yield* readEngineLog({ client, clock, engineId, isTerminal, hasEnded }, query, context)
}
