// SPDX-License-Identifier: Apache-2.0
//
// What becomes of objects and nodes: taint, cordon, drain, delete, wait.
import { configMapYaml, deploymentYaml, podYaml, rolledOut } from '../manifests.ts'
import type { ParityGroup } from '../parity-case.ts'

const node = 'apiVersion: v1\nkind: Node\nmetadata: {name: NS-node}\n'
const tolerated = `  tolerations: [{key: virtual-kubelet.io/provider, operator: Exists}]\n  nodeSelector: {kubernetes.io/hostname: spare-node}\n`

export const nodesGroup: ParityGroup = {
  name: 'nodes',
  title: 'taint, cordon, uncordon, drain',
  isExclusive: true,
  files: {
    'node.yaml': node,
    'single.yaml': podYaml('single', tolerated),
    'guarded.yaml': deploymentYaml('guarded', 1).replace(
      '      containers:',
      `      ${tolerated.trim().replaceAll('\n', '\n    ')}\n      containers:`,
    ),
    'local.yaml': podYaml('local', `${tolerated}  volumes: [{name: v, emptyDir: {}}]\n`),
  },
  setup: [
    'create -f node.yaml',
    'create -f single.yaml',
    'create -f guarded.yaml',
    'create poddisruptionbudget guarded --selector=app=guarded --min-available=1',
    'wait --for=condition=Ready pod/single --timeout=120s',
    'rollout status deployment/guarded --timeout=120s',
    `wait --for=jsonpath='{.status.currentHealthy}'=1 pdb/guarded --timeout=120s`,
  ],
  cases: [
    { run: 'taint node NS-node a=b:NoSchedule' },
    { run: 'taint node NS-node a=b:NoSchedule', as: 'taint again' },
    { run: 'taint node NS-node a=c:NoSchedule --overwrite' },
    { run: 'taint node NS-node a=b:Nope' },
    { run: 'taint node NS-node a:NoSchedule-' },
    { run: 'taint node NS-node absent-' },
    { run: 'taint node nobody a=b:NoSchedule' },
    { run: 'cordon NS-node' },
    { run: 'cordon NS-node', as: 'cordon again' },
    { run: 'cordon nobody' },
    { run: 'cordon NS-node --dry-run=server' },
    { run: `get node NS-node -o jsonpath='{.spec.unschedulable}'` },
    { run: 'uncordon NS-node' },
    { run: 'uncordon NS-node', as: 'uncordon again' },
    { run: 'drain spare-node' },
    { run: 'drain spare-node --dry-run=client --force' },
    {
      run: 'drain spare-node --force --timeout=10s',
      drop: [[/^(?:There are pending|error when evicting|evicting|"?There).*$/gm, '']],
      isUnordered: true,
    },
    { run: 'delete pdb guarded' },
    { run: 'drain spare-node --force --timeout=30s', as: 'without a budget', isUnordered: true },
    {
      run: `get pods -o custom-columns='PHASE:.status.phase,NODE:.spec.nodeName'`,
      until: /Pending/,
    },
    { run: 'uncordon spare-node' },
    {
      run: 'rollout status deployment/guarded --timeout=30s',
      after: rolledOut('guarded'),
      drop: [[/^Waiting.*\n/gm, '']],
    },
    { run: 'drain spare-node --disable-eviction --grace-period=0 --force', isUnordered: true },
    { run: 'uncordon spare-node', as: 'in the end' },
    { run: 'delete node NS-node' },
  ],
}

const finalized = configMapYaml('finalized', 'a').replace(
  'name: finalized',
  'name: finalized\n  finalizers: [example.org/hold]',
)

export const deleteGroup: ParityGroup = {
  name: 'delete',
  title: 'delete',
  files: {
    'one.yaml': podYaml('one'),
    'two.yaml': podYaml('two'),
    'three.yaml': podYaml('three'),
    'web.yaml': deploymentYaml('web'),
    'keep.yaml': deploymentYaml('keep', 1),
    'front.yaml': deploymentYaml('front', 1),
    'finalized.yaml': finalized,
    'maps.yaml': `${configMapYaml('map-a', 'a')}---\n${configMapYaml('map-b', 'b')}`,
  },
  setup: [
    'create -f one.yaml -f two.yaml -f three.yaml -f finalized.yaml -f maps.yaml',
    'create -f web.yaml -f keep.yaml -f front.yaml',
    'wait --for=condition=Ready pod/one pod/two pod/three --timeout=120s',
    'rollout status deployment/web --timeout=120s',
    'rollout status deployment/keep --timeout=120s',
    'rollout status deployment/front --timeout=120s',
  ],
  cases: [
    { run: 'delete pod one' },
    { run: 'delete pod one', as: 'again' },
    { run: 'delete pod one --ignore-not-found' },
    { run: 'delete pod two --grace-period=0 --force' },
    { run: 'delete pod three --now' },
    { run: 'delete pod/nobody configmap/nobody' },
    { run: 'delete -f maps.yaml --dry-run=server' },
    { run: 'delete -f maps.yaml --dry-run=client -o name' },
    { run: 'delete -f maps.yaml' },
    { run: 'delete -f maps.yaml', as: 'files again' },
    { run: 'delete deployment web --cascade=orphan' },
    { run: 'get rs -l app=web -o jsonpath={.items[*].metadata.ownerReferences}', until: /^$/ },
    { run: 'delete rs -l app=web' },
    { run: 'get pods -l app=web', until: /^$/ },
    { run: 'delete deployment front --cascade=foreground' },
    { run: 'get pods,rs -l app=front' },
    { run: 'delete deployment keep --cascade=background --wait=false' },
    { run: 'get rs -l app=keep', until: /^$/ },
    { run: 'delete deployment keep --cascade=nope' },
    { run: 'delete configmap finalized --wait=false' },
    {
      run: `get configmap finalized -o jsonpath='{.metadata.finalizers}{.metadata.deletionGracePeriodSeconds}'`,
    },
    { run: 'delete configmap finalized --timeout=1s' },
    {
      run: `patch configmap finalized --type=json -p '[{"op":"remove","path":"/metadata/finalizers"}]'`,
    },
    { run: 'get configmap finalized' },
    { run: 'delete configmaps -l none=none' },
    { run: 'create configmap last --from-literal=a=b' },
    { run: 'delete configmaps --all', isUnordered: true },
    { run: 'delete pods' },
    { run: 'delete pods --all -l a=b' },
    { run: 'delete nothing x' },
    { run: 'delete serviceaccount default' },
    { run: 'delete namespace default' },
    { run: 'delete namespace nobody' },
    { run: 'delete --raw /api/v1/namespaces/NS/configmaps/nobody' },
    { run: 'create namespace NS-gone' },
    { run: 'delete namespace NS-gone' },
    { run: 'get namespace NS-gone' },
  ],
}

export const waitGroup: ParityGroup = {
  name: 'wait',
  title: 'wait',
  files: {
    'pod.yaml': podYaml('alpha'),
    'other.yaml': podYaml('other'),
    'web.yaml': deploymentYaml('web'),
  },
  setup: [
    'create -f pod.yaml -f other.yaml -f web.yaml',
    'wait --for=condition=Ready pod/alpha pod/other --timeout=120s',
    ...rolledOut('web'),
  ],
  cases: [
    { run: 'wait --for=condition=Ready pod/alpha --timeout=30s' },
    { run: 'wait --for=condition=ready=true pod/alpha pod/other --timeout=30s' },
    { run: 'wait --for=condition=Ready pods -l tier=front --timeout=30s', isUnordered: true },
    { run: 'wait --for=condition=Available deployment/web --timeout=30s' },
    { run: `wait --for=jsonpath='{.status.phase}'=Running pod/alpha --timeout=30s` },
    { run: `wait --for=jsonpath='{.status.podIP}' pod/alpha --timeout=30s` },
    { run: `wait --for=jsonpath='{.status.phase}'=Failed pod/alpha --timeout=1s` },
    { run: 'wait --for=condition=Nope pod/alpha --timeout=1s' },
    { run: 'wait --for=condition=Ready pod/nobody --timeout=1s' },
    { run: 'wait --for=create pod/nobody --timeout=1s' },
    { run: 'wait --for=create pod/alpha --timeout=5s' },
    { run: 'wait --for=delete pod/nobody --timeout=1s' },
    { run: 'wait --for=delete pod/alpha --timeout=1s' },
    // It says something if it had to wait.
    { run: 'wait --for=delete pod/other --timeout=30s', after: ['delete pod other'] },
    { run: 'wait --for=nope pod/alpha' },
    { run: 'wait --for=condition=Ready pods -l a=b --timeout=1s' },
    { run: 'wait --for=condition=Ready pods --all --timeout=0' },
  ],
}
