// SPDX-License-Identifier: Apache-2.0
// Removes containers of an engine, those of sandboxes too.
import type { EngineClient } from '../engine/engine-client.ts'
import { isConflict, isNotFound } from '../engine/engine-error.ts'

/** Kills and removes it, with its nameless volumes. One that is gone, or is being removed, is no failure. */
export async function removeContainer(
  client: Pick<EngineClient, 'text'>,
  engineId: string,
  signal: AbortSignal,
): Promise<void> {
  const path = `/containers/${engineId}`
  try {
    await client.text({ method: 'DELETE', path, query: { force: 1, v: 1 } }, { signal })
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error
  }
}
