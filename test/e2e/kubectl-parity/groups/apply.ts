// SPDX-License-Identifier: Apache-2.0
//
// kubectl apply on the client's and on the server's side, its subcommands, and diff.
import { configMapYaml, deploymentYaml, podYaml, rolledOut } from '../manifests.ts'
import type { ParityGroup } from '../parity-case.ts'

const labelled = (name: string) =>
  configMapYaml(name, 'a').replace(`name: ${name}`, `name: ${name}\n  labels: {set: one}`)

export const applyGroup: ParityGroup = {
  name: 'apply',
  title: 'apply (client-side)',
  files: {
    'map.yaml': configMapYaml('settings', 'one'),
    'map2.yaml': configMapYaml('settings', 'two').replace('key:', 'other:'),
    'web.yaml': deploymentYaml('web'),
    'web2.yaml': deploymentYaml('web', 3).replace('web:1', 'web:2'),
    'web3.yaml': deploymentYaml('web').replace(
      'matchLabels: {app: web}',
      'matchLabels: {app: other}',
    ),
    'pod.yaml': podYaml('alpha'),
    'pod2.yaml': podYaml('alpha').replace('cpu: 100m', 'cpu: 200m'),
    'pod3.yaml': podYaml('alpha').replace('web:1', 'web:2'),
    'set.yaml': `${labelled('first')}---\n${labelled('second')}`,
    'set2.yaml': labelled('second'),
    'editor.sh': '#!/bin/sh\nsed -i s/one/edited/ "$1"\n',
    'bad.yaml': 'a: [\n',
  },
  setup: ['create -f pod.yaml', 'create configmap plain --from-literal=key=one'],
  cases: [
    { run: 'apply -f map.yaml' },
    { run: 'apply -f map.yaml', as: 'unchanged' },
    { run: 'apply -f map2.yaml -o yaml' },
    { run: 'apply -f web.yaml -f map.yaml' },
    { run: 'apply -f web.yaml -o name', as: 'name' },
    // While its status is being written, that differs too.
    { run: 'diff -f web.yaml', until: /^$/ },
    {
      run: 'diff -f map2.yaml',
      drop: [
        [/\/tmp\/\S+/g, '<file>'],
        [/^([-+]{3}.*\s)\S+ \S+ \S+$/gm, '$1'],
        [/^diff .*/gm, 'diff'],
      ],
    },
    {
      run: 'diff --server-side -f map2.yaml',
      drop: [
        [/\/tmp\/\S+/g, '<file>'],
        [/^([-+]{3}.*\s)\S+ \S+ \S+$/gm, '$1'],
        [/^diff .*/gm, 'diff'],
      ],
    },
    {
      run: 'diff -f set.yaml',
      drop: [
        [/\/tmp\/\S+/g, '<file>'],
        [/^([-+]{3}.*\s)\S+ \S+ \S+$/gm, '$1'],
        [/^diff .*/gm, 'diff'],
      ],
    },
    { run: 'apply -f web2.yaml' },
    {
      run: `get deployment web -o jsonpath='{.spec.replicas} {.spec.template.spec.containers[0].image} {.metadata.generation}'`,
    },
    { run: 'apply -f web3.yaml' },
    { run: 'apply -f web3.yaml --dry-run=server' },
    { run: 'apply -f pod.yaml', as: 'without the annotation' },
    { run: 'apply -f pod2.yaml' },
    { run: 'apply -f pod3.yaml' },
    { run: 'apply -f pod2.yaml --force' },
    { run: 'apply view-last-applied configmap/settings' },
    { run: 'apply view-last-applied configmap/settings -o json' },
    { run: 'apply view-last-applied configmap/plain' },
    { run: 'apply edit-last-applied configmap/settings', env: { KUBE_EDITOR: './editor.sh' } },
    { run: 'apply view-last-applied configmap/settings', as: 'edited' },
    { run: 'apply set-last-applied -f map2.yaml' },
    { run: 'apply set-last-applied -f map2.yaml -o yaml', as: 'set again' },
    { run: 'apply set-last-applied -f set.yaml' },
    { run: 'apply set-last-applied --create-annotation -f pod.yaml -o name' },
    { run: 'apply -f set.yaml --prune -l set=one --prune-allowlist=core/v1/ConfigMap' },
    { run: 'apply -f set2.yaml --prune -l set=one --prune-allowlist=core/v1/ConfigMap' },
    { run: 'get configmaps -l set=one -o name' },
    { run: 'apply -f bad.yaml' },
    { run: 'apply -f nothing.yaml' },
    { run: 'apply -f -', stdin: '' },
    { run: 'apply -f map.yaml --dry-run=client -o yaml' },
    { run: 'apply -f map.yaml --dry-run=server -o yaml' },
    { run: 'apply -f map.yaml -n other' },
  ],
}

export const serverSideApplyGroup: ParityGroup = {
  name: 'server-apply',
  title: 'apply --server-side',
  files: {
    'map.yaml': configMapYaml('settings', 'one'),
    'map2.yaml': configMapYaml('settings', 'two'),
    'other.yaml': configMapYaml('settings', 'two').replace('key:', 'other:'),
    'web.yaml': deploymentYaml('web'),
    'web2.yaml': deploymentYaml('web', 3).replace(
      'name: web\n        image',
      'name: second\n        image',
    ),
    'odd.yaml': configMapYaml('settings', 'one').replace('data:', 'date:'),
    'typed.yaml': deploymentYaml('typed').replace('replicas: 2', 'replicas: two'),
  },
  cases: [
    { run: 'apply --server-side -f map.yaml' },
    { run: 'apply --server-side -f map.yaml', as: 'unchanged' },
    { run: 'apply --server-side -f map2.yaml --field-manager=other' },
    { run: 'apply --server-side -f map2.yaml --field-manager=other --force-conflicts' },
    { run: 'apply --server-side -f other.yaml --field-manager=other -o yaml' },
    { run: 'get configmap settings -o yaml --show-managed-fields' },
    { run: 'apply --server-side -f web.yaml -o yaml' },
    { run: 'apply --server-side -f web2.yaml --field-manager=other' },
    {
      run: 'apply --server-side -f web2.yaml --field-manager=other --force-conflicts -o yaml',
      after: rolledOut('web'),
    },
    { run: 'apply -f map2.yaml', as: 'client-side after server-side' },
    { run: 'apply --server-side -f map.yaml', as: 'server-side after client-side' },
    { run: 'apply --server-side -f map.yaml --dry-run=server -o yaml' },
    { run: 'apply --server-side -f odd.yaml' },
    { run: 'apply --server-side -f typed.yaml' },
    { run: 'apply --server-side --validate=false -f typed.yaml' },
    { run: 'apply --server-side --dry-run=client -f map.yaml' },
    { run: 'apply --server-side --force -f map.yaml' },
  ],
}
