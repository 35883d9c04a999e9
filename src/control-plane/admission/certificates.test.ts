// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { test } from 'node:test'
import type { Authorizer } from '../auth/authorizer.ts'
import { signerNames } from '../certificates/signer-names.ts'
import { admissionBench } from '../../../test/support/admission-bench.ts'
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
} from './certificates.ts'

const target = 'certificatesigningrequests.certificates.k8s.io'
const csr = (status: object = {}) => ({
  metadata: { name: 'csr-1' },
  spec: { signerName: 'example.com/mine', request: '' },
  status,
})

function allowing(...allowed: readonly string[]): Authorizer {
  return {
    authorize: (_, { name, resource, verb }) => ({
      allowed: resource === 'signers' && allowed.includes(`${verb} ${name}`),
      reason: '',
    }),
  }
}

test('lets those approve who may, for the signer or for all of its domain', () => {
  const approve = { target: `${target}/approval`, object: csr(), old: csr() }
  for (const right of ['approve example.com/mine', 'approve example.com/*']) {
    admissionBench(certificateApproval(allowing(right))).validate(approve)
  }
  const { validate } = admissionBench(certificateApproval(allowing('sign example.com/mine')))
  assert.throws(() => validate(approve), {
    message: `${target} "csr-1" is forbidden: user not permitted to approve requests with signerName "example.com/mine"`,
  })
})

test('lets those write certificates and conditions who may sign', () => {
  const sign = (next: object, authorizer: Authorizer) =>
    admissionBench(certificateSigning(authorizer)).validate({
      target: `${target}/status`,
      object: csr(next),
      old: csr(),
    })
  sign({ certificate: 'x' }, allowing('sign example.com/mine'))
  sign({}, allowing())
  for (const next of [{ certificate: 'x' }, { conditions: [{ type: 'Failed' }] }]) {
    assert.throws(() => sign(next, allowing()), /user not permitted to sign requests/)
  }
})

test('makes nobody an administrator', async () => {
  const { validate } = admissionBench(certificateSubjectRestriction)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const draft = async (name: string, signerName: string) => {
    const options = { name, keys, signingAlgorithm: algorithm }
    const pem = (await x509.Pkcs10CertificateRequestGenerator.create(options)).toString('pem')
    const request = Buffer.from(pem).toString('base64')
    return { target, object: { ...csr(), spec: { signerName, request } } }
  }
  validate(await draft('CN=jane, O=dev', signerNames.client))
  validate(await draft('CN=jane, O=system:masters', 'example.com/mine'))
  const masters = await draft('CN=jane, O=system:masters', signerNames.client)
  assert.throws(() => validate(masters), {
    message: `${target} "csr-1" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed`,
  })
  const broken = {
    target,
    object: { ...csr(), spec: { signerName: signerNames.client, request: '' } },
  }
  assert.throws(() => validate(broken), /failed to parse CSR/)
})
