// SPDX-License-Identifier: Apache-2.0
// Removes certificate requests that have served their purpose: an hour after they were signed, denied or
// failed, a day after they were made or approved without anything following.
import { X509Certificate } from 'node:crypto'
import type { CertificateSigningRequest } from '../../../kube/types.gen.ts'
import { messageOf } from '../../../util/vk-error.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { certificateSigningRequests } from '../namespaces/cluster-kinds.ts'
import { startPeriodic } from '../pod-gc/periodic.ts'
import { isNotFound } from '../workload/controller-queue.ts'
import { parseWireTime } from '../../../util/wire-time.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

export interface CsrCleanerOptions {
  /** Default 1 h. */
  readonly periodMs?: number
}

/** Starts the cleaner. */
export function startCsrCleaner(
  context: ControllerContext,
  { periodMs = hourMs }: CsrCleanerOptions = {},
): AsyncDisposable {
  const { api, clock, log } = context
  return startPeriodic(context, { name: 'csr-cleaner', periodMs }, async () => {
    for (const csr of api.list(certificateSigningRequests)) {
      if (!isOutdated(csr, clock.nowMs())) continue
      const { name, uid } = csr.metadata
      try {
        await api.delete(certificateSigningRequests, { name }, { preconditions: { uid } })
      } catch (error) {
        if (isNotFound(error)) continue
        log.warn({ csr: name, error: messageOf(error) }, 'Cannot remove certificate request')
      }
    }
  })
}

/** Whether the request has served its purpose. */
export function isOutdated(
  { metadata, status }: CertificateSigningRequest,
  nowMs: number,
): boolean {
  const conditions = status?.conditions ?? []
  const certificate = status?.certificate ?? ''
  const isOlder = (time: string | undefined, ageMs: number): boolean =>
    nowMs - (parseWireTime(time) ?? nowMs) > ageMs
  if (conditions.length === 0) return isOlder(metadata.creationTimestamp, dayMs)
  return conditions.some(({ type, lastUpdateTime }) => {
    switch (type) {
      case 'Approved':
        if (certificate === '') return isOlder(lastUpdateTime, dayMs)
        return isOlder(lastUpdateTime, hourMs) || isExpired(certificate, nowMs)
      case 'Denied':
      case 'Failed':
        return isOlder(lastUpdateTime, hourMs)
      default:
        return false
    }
  })
}

function isExpired(certificate: string, nowMs: number): boolean {
  try {
    const { validToDate } = new X509Certificate(Buffer.from(certificate, 'base64'))
    return validToDate.getTime() < nowMs
  } catch {
    // Another signer may have written something else; its age decides.
    return false
  }
}
