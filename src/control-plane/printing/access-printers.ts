// SPDX-License-Identifier: Apache-2.0
// `kubectl get` of who may do what.
import type { CertificateSigningRequest, RoleBinding, Subject } from '../../kube/types.gen.ts'
import { humanDuration } from './human-duration.ts'
import { age, ageColumn, column, nameColumn, printerFor, wideColumn } from './table-columns.ts'
import type { TablePrinter } from './table-printer.ts'

/** For both kinds of bindings. */
export const roleBindingPrinter: TablePrinter = printerFor<RoleBinding>(
  [
    nameColumn,
    column('Role'),
    ageColumn,
    wideColumn('Users'),
    wideColumn('Groups'),
    wideColumn('ServiceAccounts'),
  ],
  (binding, nowMs) => {
    const { metadata, roleRef, subjects = [] } = binding
    const namesOf = (kind: string, nameOf: (subject: Subject) => string): string =>
      subjects
        .filter((subject) => subject.kind === kind)
        .map(nameOf)
        .join(', ')
    return [
      metadata.name,
      `${roleRef.kind}/${roleRef.name}`,
      age(binding, nowMs),
      namesOf('User', ({ name }) => name),
      namesOf('Group', ({ name }) => name),
      namesOf('ServiceAccount', ({ name, namespace = '' }) => `${namespace}/${name}`),
    ]
  },
)

export const certificateSigningRequestPrinter: TablePrinter = printerFor<CertificateSigningRequest>(
  [
    nameColumn,
    ageColumn,
    column('SignerName'),
    column('Requestor'),
    column('RequestedDuration'),
    column('Condition'),
  ],
  (request, nowMs) => {
    const { metadata, spec } = request
    const seconds = spec.expirationSeconds
    return [
      metadata.name,
      age(request, nowMs),
      spec.signerName || '<none>',
      spec.username ?? '',
      seconds === undefined ? '<none>' : humanDuration(seconds * 1000),
      stateOf(request),
    ]
  },
)

function stateOf({ status }: CertificateSigningRequest): string {
  const has = (wanted: string): boolean =>
    status?.conditions?.some(({ type }) => type === wanted) ?? false
  const verdict = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'
  const failure = has('Failed') ? ',Failed' : ''
  return verdict + failure + (status?.certificate ? ',Issued' : '')
}
