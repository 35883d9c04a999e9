// SPDX-License-Identifier: Apache-2.0
// Requests whose paths, queries and headers are odd.
import type { OutgoingHttpHeaders } from 'node:http'
import { resourceDefinitions } from '../../../src/control-plane/resources/registry.ts'
import type { Chance } from './chance.ts'
import { inDefault } from './existing-objects.ts'
import { collectionOf } from './wish.ts'
import type { Wish } from './wish.ts'

const segments = [
  'api',
  'apis',
  'v1',
  'apps',
  'v2',
  'namespaces',
  'default',
  'pods',
  'nodes',
  'one',
  'status',
  'finalize',
  'watch',
  'scale',
  'token',
  '',
  '.',
  '..',
  '%2e%2e',
  '%2f',
  '%00',
  '%zz',
  '%',
  '%c3%28',
  '%ff',
  'ä'.normalize('NFD').replace(/[^ -~]/g, '%cc%88'),
  '*',
  '~',
  ';',
  '__proto__',
  'constructor',
  'toString',
  'x'.repeat(2000),
  'openapi',
  'v3',
  'healthz',
  'version',
  'eviction',
  'binding',
  'ephemeralcontainers',
  'exec',
  'log',
  'proxy',
  'portforward',
  'metrics.k8s.io',
  'v1beta1',
  'batch',
  'jobs',
  'deployments',
]
const methods = [
  'GET',
  'GET',
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
]

export function oddPath(chance: Chance): Wish {
  const path = `/${Array.from({ length: chance.below(10) }, () => chance.pick(segments)).join('/')}`
  const known = chance.pick(['/api/v1/', '/apis/apps/v1/namespaces/default/', `${inDefault}/`, ''])
  const whole = known + chance.pick([path, path.slice(1)])
  const method = chance.pick(methods)
  // What is under this name is needed to the end.
  const isDestructive = method === 'DELETE'
  return {
    method: isDestructive ? 'GET' : method,
    path: whole.startsWith('/') ? whole : `/${whole}`,
    ...(method.startsWith('P') && { body: chance.pick(['{}', '', 'null']) }),
  }
}

const queryValues = [
  '',
  '0',
  '1',
  '-1',
  '1.5',
  'x',
  'true',
  'false',
  'All',
  'a=b',
  'a in (b,c)',
  'a in (',
  '!a',
  '!!',
  'a==b,c!=d',
  'a=b=c',
  'metadata.name=one',
  'spec.x=1',
  'metadata.name!=',
  '\\',
  '99999999999999999999',
  '18446744073709551615',
  'NotOlderThan',
  'Exact',
  'eyJ9',
  'x'.repeat(3000),
  '%00',
  '(((((',
  ',,,,',
  'a notin ()',
  'a>1',
  'a<x',
  'Strict',
  'Foreground',
  '5e3',
  ' 1',
  '0x10',
]
const queryNames = [
  'labelSelector',
  'fieldSelector',
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
  'timeoutSeconds',
  'watch',
  'dryRun',
  'fieldValidation',
  'fieldManager',
  'sendInitialEvents',
  'allowWatchBookmarks',
  'pretty',
  'includeObject',
  'gracePeriodSeconds',
  'propagationPolicy',
  'orphanDependents',
  'timeout',
  'force',
  '__proto__',
]

export function oddQuery(chance: Chance): Wish {
  const pairs = Array.from({ length: 1 + chance.below(4) }, () => {
    const value =
      chance.below(6) === 0
        ? chance.pick(['%zz', '%', '%ff', '+', '&', ';'])
        : encodeURIComponent(chance.pick(queryValues))
    return `${chance.pick(queryNames)}=${value}`
  })
  const resource = chance.pick(resourceDefinitions)
  const path = chance.pick([
    collectionOf(resource),
    collectionOf(resource),
    `${collectionOf(resource)}/one`,
    '/api/v1/pods',
    '/openapi/v3',
    '/healthz',
  ])
  const isDelete = chance.below(6) === 0
  const name = isDelete ? `${inDefault}/configmaps/${chance.pick(['gone', 'none'])}` : path
  return {
    method: isDelete ? 'DELETE' : chance.pick(['GET', 'GET', 'HEAD']),
    path: `${name}?${pairs.join('&')}`,
  }
}

const accepts = [
  '',
  '*/*',
  'text/html',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=Table;v=v9;g=meta.k8s.io',
  'application/json;as=X',
  ';;;',
  ',,,',
  'application/vnd.kubernetes.protobuf',
  'a/b;'.repeat(500),
  'application/json;as',
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  'application/json;as=__proto__;v=v1;g=meta.k8s.io',
  'application/json;as=constructor;v=v1;g=meta.k8s.io',
  'application/json;q=0',
]

export function oddHeaders(chance: Chance): Wish {
  const odd: OutgoingHttpHeaders = chance.pick<OutgoingHttpHeaders>([
    {
      'impersonate-user': chance.pick([
        '',
        'a',
        'system:node:one',
        'system:serviceaccount:a:b',
        'system:serviceaccount:',
        'x'.repeat(5000),
        'ä',
      ]),
    },
    { 'impersonate-group': chance.pick(['system:masters', '']) },
    {
      'impersonate-user': 'a',
      'impersonate-group': ['b', '', 'system:masters'],
      'impersonate-uid': 'x',
    },
    { 'impersonate-extra-%zz': 'a', 'impersonate-user': 'a' },
    { 'impersonate-extra-__proto__': 'a', 'impersonate-user': 'a' },
    {
      authorization: chance.pick([
        '',
        'Bearer',
        'Bearer ',
        'Bearer x',
        'Bearer a.b.c',
        `Bearer ${'a'.repeat(9000)}`,
        'Basic x',
        'bearer eyJhbGciOiJub25lIn0.e30.',
      ]),
    },
    { 'sec-websocket-protocol': chance.pick(['base64url.bearer.authorization.k8s.io.%%', ',,,']) },
    { 'accept-encoding': 'gzip, x;q=9', te: 'trailers' },
    { 'user-agent': chance.pick(['', '/', '///', 'x'.repeat(3000)]) },
    { 'x-big': 'x'.repeat(50_000) },
    { expect: '100-continue' },
    { range: 'bytes=0-0', 'if-match': '*', 'if-none-match': 'x' },
  ])
  const path = chance.pick([
    `${inDefault}/pods`,
    `${inDefault}/pods/one`,
    '/api',
    '/apis',
    '/openapi/v2',
    '/openapi/v3/api/v1',
    '/version',
    `${inDefault}/events`,
    '/apis/apps/v1/deployments',
  ])
  const isWrite = chance.below(4) === 0
  return {
    method: isWrite ? 'POST' : 'GET',
    path: isWrite ? `${inDefault}/configmaps?dryRun=All` : path,
    headers: { ...odd, accept: chance.pick(accepts) },
    ...(isWrite && { body: '{"metadata":{"name":"a"}}' }),
  }
}
