// SPDX-License-Identifier: Apache-2.0
// How the outcome of a command is told: since version 4 by a Status object, before that by a text that
// is only there when something went wrong.
import type { Outcome } from './command-connection.ts'

const success = JSON.stringify({ metadata: {}, status: 'Success' })

/** JSON of the Status for versions 4 and 5. */
export function statusOf(outcome: Outcome): string {
  return outcome.kind === 'success'
    ? success
    : JSON.stringify({ metadata: {}, status: 'Failure', ...detailsOf(outcome) })
}

/** The text for older versions, empty for a success. */
export function failureTextOf(outcome: Outcome): string {
  if (outcome.kind === 'success') return ''
  return outcome.kind === 'exit' ? exitMessage(outcome.exitCode) : outcome.message
}

function detailsOf(outcome: Exclude<Outcome, { readonly kind: 'success' }>): object {
  if (outcome.kind === 'exit') {
    return {
      message: exitMessage(outcome.exitCode),
      reason: 'NonZeroExitCode',
      // The type of a cause is called `reason` on the wire.
      details: { causes: [{ reason: 'ExitCode', message: String(outcome.exitCode) }] },
    }
  }
  return {
    message: `Internal error occurred: ${outcome.message}`,
    reason: 'InternalError',
    details: { causes: [{ message: outcome.message }] },
    code: 500,
  }
}

function exitMessage(exitCode: number): string {
  return `command terminated with non-zero exit code: exit status ${exitCode}`
}
