// SPDX-License-Identifier: Apache-2.0
//
// What a control plane has to offer to the scenarios, real or embedded; and which of the two it is.
import type { ApiClient } from './api-client.ts'
import type { ClusterFiles } from './cluster-files.ts'

/** Which control plane the scenarios run on. */
export type PlaneKind = 'real' | 'embedded'

/** Chooses the control plane: `embedded`, or `real` (default). */
export const PLANE_VARIABLE = 'VK_E2E_CONTROL_PLANE'

/** The control plane of this run. */
export const planeKind: PlaneKind = process.env[PLANE_VARIABLE] === 'embedded' ? 'embedded' : 'real'

/** The processes of one control plane. */
export interface TestControlPlane extends AsyncDisposable {
  readonly files: ClusterFiles
  /** A client for the admin. */
  readonly api: ApiClient
  /** HOST:PORT of the API server as the Service `kubernetes` shows it. */
  readonly advertised: string
  /** Path of kubectl. */
  kubectl(): string
  /** Process ids by program, for measurements. */
  pids(): Record<string, number>
  /** Ends the API server as a crash would. */
  killApiServer(): Promise<void>
  /** Starts it again at the same address, and waits until it is ready. */
  startApiServer(): Promise<void>
  /** Throws away the history that watches resume from; while the API server is down, at its next start. */
  compact(): Promise<void>
}
