// SPDX-License-Identifier: Apache-2.0
// What an engine says about a container, as the core wants it.
import type { ContainerState, RuntimeContainer } from '../../../runtime/container-runtime.ts'
import type { ContainerInspect } from '../engine/engine-objects.ts'
import { readLabels } from './container-labels.ts'

/** A container of this node, with the engine's own id of it. */
export interface KnownContainer {
  readonly engineId: string
  readonly run: RuntimeContainer
  readonly isTerminal: boolean
  /** Where the engine keeps its output, on the engine's machine. */
  readonly logPath: string | undefined
  /** What its image says stops it. */
  readonly stopSignal: string | undefined
}

/** Undefined for what is no container of a pod, and for one that was never started. */
export function knownContainer(
  inspected: ContainerInspect,
  { type, isOutOfMemory }: { readonly type: string; readonly isOutOfMemory: boolean },
): KnownContainer | undefined {
  const labelled = readLabels(inspected.Config.Labels)
  const state = stateOf(inspected, isOutOfMemory)
  if (labelled?.kind !== 'container' || !state) return undefined
  const { Id, Image, Config } = inspected
  const { key, image } = labelled
  const containerId = `${type}://${Id}`
  const sandboxId = sandboxOf(inspected)
  return {
    engineId: Id,
    run: {
      key,
      containerId,
      image: image.name,
      imageId: image.reference || Image,
      state,
      ...(sandboxId !== undefined && { sandboxId }),
    },
    isTerminal: Config.Tty === true,
    logPath: inspected.LogPath || undefined,
    stopSignal: Config.StopSignal || undefined,
  }
}

/** Whose namespaces it joins; undefined for one that has nothing but the machine's. */
function sandboxOf({ HostConfig }: ContainerInspect): string | undefined {
  const { NetworkMode = '', IpcMode = '' } = HostConfig
  return /^container:(.+)$/.exec(NetworkMode)?.[1] ?? /^container:(.+)$/.exec(IpcMode)?.[1]
}

function stateOf({ State }: ContainerInspect, isOutOfMemory: boolean): ContainerState | undefined {
  const startedAtMs = timeOf(State.StartedAt)
  const { Running, Status, ExitCode, OOMKilled, Error: message } = State
  if (Running || Status === 'paused' || Status === 'restarting') {
    return { kind: 'running', startedAtMs: startedAtMs ?? 0 }
  }
  if (startedAtMs === undefined) return undefined
  const finishedAtMs = timeOf(State.FinishedAt)
  // It ran, and nobody was there when it ended: the machine or the engine went down.
  if (finishedAtMs === undefined) return { kind: 'lost', startedAtMs }
  return {
    kind: 'exited',
    startedAtMs,
    // Of a program that ends at once the engine may note the end before the start.
    finishedAtMs: Math.max(finishedAtMs, startedAtMs),
    exitCode: ExitCode,
    ...((OOMKilled || isOutOfMemory) && { isOutOfMemory: true }),
    ...(message && { message }),
  }
}

/** Undefined for the zero time, which means never. */
function timeOf(text: string): number | undefined {
  const ms = Date.parse(text)
  return Number.isNaN(ms) || ms <= 0 ? undefined : ms
}
