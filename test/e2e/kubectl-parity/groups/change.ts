// SPDX-License-Identifier: Apache-2.0
//
// Changing what exists: edit, replace, patch, label, annotate, set.
import { configMapYaml, deploymentYaml, podYaml, rolledOut } from '../manifests.ts'
import type { ParityCase, ParityGroup } from '../parity-case.ts'

const EDITOR = { KUBE_EDITOR: './editor.sh' }

export const editGroup: ParityGroup = {
  name: 'edit',
  title: 'edit, replace',
  files: {
    'map.yaml': configMapYaml('settings', 'one'),
    'map2.yaml': configMapYaml('settings', 'two'),
    'pod.yaml': podYaml('alpha'),
    'pod2.yaml': podYaml('alpha').replace('cpu: 100m', 'cpu: 300m'),
    'none.yaml': configMapYaml('none', 'two'),
    'stale.yaml': configMapYaml('settings', 'x').replace(
      'name: settings',
      'name: settings\n  resourceVersion: "1"',
    ),
    'editor.sh': '#!/bin/sh\nsed -i "s/key: one/key: edited/" "$1"\n',
    'keep.sh': '#!/bin/sh\ntrue\n',
    'break.sh':
      '#!/bin/sh\nif grep -q "^# pods" "$1"; then sed -i "s/image: .*/image: example:1/" "$1"; else sed -i "s/  name: main/  name: other/" "$1"; fi\n',
  },
  setup: ['create -f map.yaml', 'create -f pod.yaml'],
  cases: [
    { run: 'edit configmap settings', env: EDITOR },
    { run: `get configmap settings -o jsonpath='{.data.key}'` },
    { run: 'edit configmap settings', as: 'unchanged', env: { KUBE_EDITOR: './keep.sh' } },
    { run: 'edit configmap nobody', env: EDITOR },
    {
      run: 'edit pod alpha',
      env: { KUBE_EDITOR: './break.sh' },
      drop: [[/"\S*kubectl-edit\S*"/g, '<file>']],
    },
    { run: 'edit -f none.yaml', env: EDITOR },
    { run: 'replace -f map2.yaml' },
    { run: 'replace -f map2.yaml -o yaml', as: 'yaml' },
    { run: 'replace -f none.yaml' },
    { run: 'replace -f stale.yaml' },
    { run: 'replace -f pod2.yaml' },
    { run: 'replace --force -f pod2.yaml' },
    { run: 'replace --force -f none.yaml' },
    { run: 'replace -f map.yaml --dry-run=server' },
    { run: 'replace -f map.yaml --dry-run=client' },
    { run: 'replace --raw /api/v1/namespaces/NS/configmaps/settings -f map.yaml' },
  ],
}

/** Controllers are at work while kubectl prints. */
const withoutStatus: ParityCase['drop'] = [[/^status:[\s\S]*/gm, '']]

/** A controller or a node may write a status between kubectl's look and its patch. */
const unchanged = /\(no change\)/
const json = (text: string) => `-p '${text}'`

export const patchGroup: ParityGroup = {
  name: 'patch',
  title: 'patch',
  files: {
    'web.yaml': deploymentYaml('web'),
    'pod.yaml': podYaml('alpha'),
    'patch.yaml': 'metadata: {labels: {from: file}}\n',
  },
  setup: [
    'create -f web.yaml',
    'create -f pod.yaml',
    'create configmap settings --from-literal=a=1',
    'create -f -',
  ].slice(0, 3),
  cases: [
    { run: `patch deployment web ${json('{"spec":{"replicas":3}}')}` },
    {
      run: `patch deployment web ${json('{"spec":{"replicas":3}}')}`,
      as: 'no change',
      until: unchanged,
    },
    {
      run: `patch deployment web -o yaml ${json('{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"1"}]}]}}}}')}`,
      after: rolledOut('web'),
      drop: withoutStatus,
    },
    {
      run: `patch deployment web -o yaml ${json('{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"b"}]}}}}')}`,
      after: rolledOut('web'),
      drop: withoutStatus,
    },
    {
      run: `patch deployment web -o yaml ${json('{"spec":{"template":{"spec":{"containers":[{"$patch":"delete","name":"side"}]}}}}')}`,
      after: rolledOut('web'),
      drop: withoutStatus,
    },
    {
      run: `patch deployment web ${json('{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}')} -o jsonpath={.spec.strategy}`,
    },
    {
      run: `patch deployment web --type=merge ${json('{"metadata":{"labels":{"app":null,"x":"y"}}}')} -o jsonpath={.metadata.labels}`,
    },
    {
      run: `patch deployment web --type=merge ${json('{"spec":{"template":{"spec":{"containers":[]}}}}')}`,
    },
    {
      run: `patch deployment web --type=json ${json('[{"op":"replace","path":"/spec/replicas","value":1}]')}`,
    },
    {
      run: `patch deployment web --type=json ${json('[{"op":"test","path":"/spec/replicas","value":7}]')}`,
    },
    { run: `patch deployment web --type=json ${json('[{"op":"remove","path":"/spec/nope"}]')}` },
    {
      run: `patch deployment web --type=json ${json('[{"op":"add","path":"/metadata/labels/z","value":"1"}]')} -o jsonpath={.metadata.labels}`,
    },
    { run: `patch deployment web --type=json ${json('{"op":"nope"}')}` },
    { run: `patch deployment web --type=nope ${json('{}')}` },
    {
      run: `patch deployment web --subresource=scale --type=merge ${json('{"spec":{"replicas":2}}')}`,
    },
    {
      run: `patch deployment web --subresource=scale --type=merge ${json('{"spec":{"replicas":2}}')} -o yaml`,
      as: 'scale as yaml',
      drop: [[/^ {2}replicas: .*/gm, '']],
    },
    {
      run: `patch pod alpha --subresource=status --type=merge ${json('{"status":{"message":"hello"}}')}`,
    },
    { run: `patch pod alpha --subresource=nope --type=merge ${json('{}')}` },
    { run: `patch pod alpha ${json('{"spec":{"nodeName":"other"}}')}` },
    {
      run: `patch pod alpha ${json('{"spec":{"containers":[{"name":"main","image":"example/web:2"}]}}')}`,
    },
    { run: `patch pod alpha ${json('{"spec":{"containers":[{"name":"main","image":""}]}}')}` },
    { run: `patch pod alpha ${json('{"spec":{"activeDeadlineSeconds":0}}')}` },
    { run: `patch pod alpha ${json('{"spec":{"nope":1}}')}`, until: unchanged },
    { run: `patch pod alpha ${json('{"spec":')}` },
    { run: `patch pod alpha ${json('{"metadata":{"name":"beta"}}')}` },
    { run: `patch pod alpha ${json('{"metadata":{"resourceVersion":"1","labels":{"a":"b"}}}')}` },
    { run: `patch pod alpha ${json('{"metadata":{"uid":"other"}}')}` },
    { run: `patch pod nobody ${json('{}')}` },
    { run: `patch pod alpha --type=merge ${json('{"metadata":{"finalizers":["nope"]}}')}` },
    { run: 'patch configmap settings --patch-file=patch.yaml -o yaml' },
    { run: `patch configmap settings ${json('{"data":{"b":2}}')}` },
    { run: `patch configmap settings ${json('{"immutable":true}')}` },
    { run: `patch configmap settings ${json('{"data":{"b":"2"}}')}`, as: 'immutable' },
    {
      run: `patch configmap settings ${json('{"metadata":{"labels":{"x":"y"}}}')} --dry-run=server -o yaml`,
    },
    {
      run: `patch configmap settings ${json('{"metadata":{"labels":{"x":"y"}}}')} --dry-run=client -o yaml`,
    },
    { run: `patch configmap settings --type=merge ${json('{"metadata":{"labels":{"x y":"y"}}}')}` },
    { run: `patch -f web.yaml ${json('{"metadata":{"annotations":{"a":"b"}}}')}` },
  ],
}

export const metadataGroup: ParityGroup = {
  name: 'metadata',
  title: 'label, annotate',
  files: { 'pod.yaml': podYaml('alpha'), 'map.yaml': configMapYaml('settings', 'one') },
  setup: ['create -f pod.yaml', 'create -f map.yaml'],
  cases: ['label', 'annotate'].flatMap((verb) => [
    { run: `${verb} pod alpha color=red` },
    { run: `${verb} pod alpha color=red`, as: `${verb} the same` },
    { run: `${verb} pod alpha color=blue` },
    { run: `${verb} pod alpha color=blue --overwrite` },
    { run: `${verb} pod alpha color-` },
    { run: `${verb} pod alpha absent-` },
    { run: `${verb} pods --all size=big` },
    { run: `${verb} pods -l app=alpha shape=round --overwrite` },
    { run: `${verb} pod nobody a=b` },
    { run: `${verb} pod alpha 'a b=c'` },
    { run: `${verb} pod alpha nope` },
    { run: `${verb} pod alpha --list`, isUnordered: true },
    { run: `${verb} -f map.yaml a=b` },
    { run: `${verb} configmap settings a=c --resource-version=1 --overwrite` },
    { run: `${verb} configmap settings b=c --dry-run=server -o yaml` },
    { run: `${verb} configmap settings b=c --dry-run=client` },
    { run: `${verb} configmap settings d=${'x'.repeat(70)}` },
  ]),
}

export const setGroup: ParityGroup = {
  name: 'set',
  title: 'set',
  files: { 'web.yaml': deploymentYaml('web') },
  setup: [
    'create -f web.yaml',
    'create configmap settings --from-literal=a=1',
    'create serviceaccount robot',
  ],
  cases: [
    { run: 'set image deployment/web web=example/web:2' },
    { run: 'set image deployment/web web=example/web:2', as: 'image again' },
    { run: 'set image deployment/web nobody=x' },
    { run: `set image deployment/web '*=example/web:3' -o yaml`, after: rolledOut('web') },
    { run: 'set env deployment/web A=1 B=2' },
    { run: 'set env deployment/web A-' },
    { run: 'set env deployment/web --list' },
    { run: 'set env deployment/web --from=configmap/settings' },
    { run: 'set env deployment/web --list', as: 'list references' },
    { run: 'set resources deployment/web --limits=cpu=200m,memory=64Mi --requests=cpu=100m' },
    { run: 'set resources deployment/web --limits=cpu=50m' },
    { run: 'set resources deployment/web --limits=cpu=x' },
    { run: 'set serviceaccount deployment/web robot' },
    { run: 'set selector service/none app=web' },
    { run: 'set image deployment/nobody web=x' },
    {
      run: 'set image deployment/web web=example/web:4 --dry-run=server -o yaml',
      // Counts how many changes were seen one by one.
      drop: [
        [/^status:[\s\S]*/gm, ''],
        [/^ +deployment\.kubernetes\.io\/revision: .*\n/gm, ''],
      ],
    },
    {
      run: `get deployment web -o jsonpath='{.spec.template.spec.containers[0]}{.spec.template.spec.serviceAccountName}'`,
    },
    { run: 'create rolebinding b --role=r --user=u' },
    { run: 'set subject rolebinding b --user=v --serviceaccount=NS:robot -o yaml' },
  ],
}
