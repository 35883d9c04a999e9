// SPDX-License-Identifier: Apache-2.0
//
// Two ways to serve the embedded control plane: here, in the process of the test, which costs a quarter of
// the work; or in a process of its own, which can be killed like any other.
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createPinoLogger } from '../../../src/observe/pino-logger.ts'
import { startComponent } from '../component.ts'
import type { ControlPlaneOptions } from '../../../src/control-plane/control-plane.ts'

/** What to serve; `serve.ts` takes the same as JSON. */
export type ServingSettings = Omit<ControlPlaneOptions, 'log' | 'clock'> & {
  /** Begin without history. */
  readonly compactAtStart: boolean
}

/** A control plane that serves, or is about to; disposing of it ends it, a process of its own as kill -9 does. */
export interface Serving extends AsyncDisposable {
  readonly pid: number
  readonly logFile: string
  hasExited(): boolean
  compact(): void
}

/** Serves in this process. */
export async function serveHere(settings: ServingSettings, logFile: string): Promise<Serving> {
  // Loaded only here: tests on a real control plane do without it.
  const { startControlPlane } = await import('../../../src/control-plane/control-plane.ts')
  const file = openSync(logFile, 'a')
  const destination = { write: (line: string) => void writeSync(file, line) }
  const log = createPinoLogger({ level: 'debug', format: 'text', destination })
  const { compactAtStart, ...options } = settings
  const controlPlane = await startControlPlane({ ...options, log })
  if (compactAtStart) controlPlane.compact()
  return {
    pid: process.pid,
    logFile,
    hasExited: () => false,
    compact: () => controlPlane.compact(),
    [Symbol.asyncDispose]: async () => {
      await controlPlane[Symbol.asyncDispose]()
      closeSync(file)
    },
  }
}

/** Serves in a process of its own; resolves when that has started, which is before it serves. */
export async function serveApart(settings: ServingSettings, logFile: string): Promise<Serving> {
  const component = await startComponent({
    name: 'control-plane',
    command: process.execPath,
    args: [join(import.meta.dirname, 'serve.ts'), JSON.stringify(settings)],
    logFile,
  })
  return { ...component, compact: () => component.kill('SIGUSR2') }
}
