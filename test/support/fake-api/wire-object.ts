// SPDX-License-Identifier: Apache-2.0
// An object as the fake API server sees it: any kind, known only by its metadata.

export interface WireMeta {
  name: string
  namespace?: string
  generateName?: string
  uid: string
  resourceVersion: string
  generation?: number
  creationTimestamp: string
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  finalizers?: string[]
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

export interface WireObject {
  apiVersion?: string
  kind?: string
  metadata: WireMeta
  spec?: Record<string, unknown>
  status?: Record<string, unknown>
  [field: string]: unknown
}

/** A refusal, answered as a Status object. */
export class Refusal extends Error {
  readonly code: number
  readonly reason: string
  readonly retryAfterSeconds: number | undefined

  constructor(code: number, reason: string, message: string, retryAfterSeconds?: number) {
    super(message)
    this.code = code
    this.reason = reason
    this.retryAfterSeconds = retryAfterSeconds
  }

  get status(): object {
    const { code, reason, message, retryAfterSeconds } = this
    const details = retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }
    return {
      apiVersion: 'v1',
      kind: 'Status',
      status: 'Failure',
      message,
      reason,
      code,
      ...details,
    }
  }
}
