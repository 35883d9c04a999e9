// SPDX-License-Identifier: Apache-2.0
//
// Driving workloads: rollout, scale, autoscale, expose, run, events.
import { deploymentYaml, podYaml, rolledOut } from '../manifests.ts'
import type { ParityCase, ParityGroup } from '../parity-case.ts'

const done = rolledOut('web')
const quiet: ParityCase['drop'] = [[/^Waiting.*\n/gm, '']]

export const rolloutGroup: ParityGroup = {
  name: 'rollout',
  title: 'rollout',
  files: { 'web.yaml': deploymentYaml('web') },
  setup: ['create -f web.yaml', ...done],
  cases: [
    { run: 'rollout status deployment/web --timeout=30s' },
    { run: 'rollout history deployment/web' },
    { run: 'rollout history deployment/web --revision=1' },
    { run: 'rollout history deployment/web --revision=9' },
    { run: 'set image deployment/web web=example/web:2' },
    {
      run: 'rollout status deployment/web --timeout=30s',
      as: 'second status',
      after: done,
      drop: quiet,
    },
    { run: 'annotate deployment/web kubernetes.io/change-cause=two' },
    { run: 'rollout history deployment/web', as: 'two revisions', until: /two/ },
    { run: 'rollout history deployment/web -o yaml --revision=2' },
    { run: 'rollout undo deployment/web' },
    { run: 'rollout status deployment/web --timeout=30s', as: 'undone', after: done, drop: quiet },
    { run: 'rollout history deployment/web', as: 'after undo', until: /3 / },
    { run: `get deployment web -o jsonpath='{.spec.template.spec.containers[0].image}'` },
    { run: 'rollout undo deployment/web --to-revision=2' },
    { run: 'rollout undo deployment/web --to-revision=9' },
    { run: 'rollout undo deployment/web --dry-run=server', after: done },
    { run: 'rollout pause deployment/web' },
    { run: 'rollout pause deployment/web', as: 'pause again' },
    { run: 'rollout undo deployment/web', as: 'undo while paused' },
    { run: 'rollout restart deployment/web', as: 'restart while paused' },
    { run: 'rollout resume deployment/web' },
    { run: 'rollout resume deployment/web', as: 'resume again' },
    { run: 'rollout restart deployment/web' },
    {
      run: 'rollout status deployment/web --timeout=30s',
      as: 'restarted',
      after: done,
      drop: quiet,
    },
    { run: 'rollout status deployment/nobody' },
    { run: 'rollout status pod/nobody' },
    { run: 'rollout restart deployment/nobody' },
    {
      run: `get rs -l app=web -o custom-columns='WANTED:.spec.replicas,REVISION:.metadata.annotations.deployment\\.kubernetes\\.io/revision'`,
      isUnordered: true,
    },
    { run: 'rollout status deployment/web --timeout=1s --watch=false', as: 'without watching' },
  ],
}

export const scaleGroup: ParityGroup = {
  name: 'scale',
  title: 'scale, autoscale, expose',
  files: {
    'web.yaml': deploymentYaml('web'),
    'pod.yaml': podYaml('alpha'),
    'job.yaml':
      'apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}\n',
  },
  setup: ['create -f web.yaml -f pod.yaml -f job.yaml', ...done],
  cases: [
    { run: 'scale deployment/web --replicas=3' },
    { run: 'scale deployment/web --current-replicas=9 --replicas=1' },
    { run: 'scale deployment/web --current-replicas=3 --replicas=1' },
    { run: 'scale deployment/web --replicas=-1' },
    { run: 'scale deployment/web --resource-version=1 --replicas=1' },
    { run: 'scale deployment/nobody --replicas=1' },
    { run: 'scale pod/alpha --replicas=1' },
    { run: 'scale job/once --replicas=1' },
    { run: 'scale -f web.yaml --replicas=2' },
    { run: 'scale --all deployments --replicas=2' },
    { run: 'scale deployment/web --replicas=4 --dry-run=server' },
    { run: 'scale deployment/web --replicas=4 --dry-run=client' },
    { run: 'scale deployment/web --replicas=2 --timeout=20s', as: 'with timeout', after: done },
    { run: 'get deployment web', until: /2\/2 +2 +2/ },
    { run: 'autoscale deployment web --min=1 --max=3 --cpu=80%' },
    { run: 'get hpa' },
    { run: 'expose deployment web --port=80 --target-port=8080' },
    { run: 'expose deployment web --port=80', as: 'again' },
    { run: 'expose pod alpha --port=80 --name=alpha -o yaml' },
    { run: 'expose pod alpha --name=named --type=NodePort' },
    { run: 'expose service web --port=81 --name=second' },
    { run: 'expose deployment nobody --port=80' },
    { run: 'expose job once --port=80' },
    { run: 'get services', isUnordered: true },
  ],
}

export const runGroupCases: ParityGroup = {
  name: 'run',
  title: 'run',
  cases: [
    { run: 'run simple --image=a' },
    { run: 'run simple --image=a', as: 'again' },
    {
      run: 'run full --image=a --port=80 --expose --env=A=1 --labels=a=b --annotations=c=d --restart=Never --command -- work hard',
    },
    { run: 'get pod full -o yaml', until: /phase: Running/ },
    { run: 'run dry --image=a --dry-run=client -o yaml' },
    { run: 'run dry --image=a --dry-run=server -o yaml' },
    { run: 'run Bad --image=a' },
    { run: `run odd --image=a --overrides='{"spec":{"nope":1}}'` },
    { run: `run odd --image=a --overrides='{"apiVersion":"v1","spec":{"containers":[]}}'` },
    {
      run: `run quick --image=a --restart=Never --attach --rm --overrides='{"metadata":{"annotations":{"mock.virtual-kubelet.io/run-time":"10s"}}}'`,
    },
    { run: 'run priority --image=a --overrides={"spec":{"priorityClassName":"nope"}}' },
    { run: 'run policy --image=a --overrides={"spec":{"preemptionPolicy":"Never"}}' },
    { run: 'run account --image=a --overrides={"spec":{"serviceAccountName":"nope"}}' },
    { run: 'delete pods --all --now', isUnordered: true },
  ],
}

export const eventsGroup: ParityGroup = {
  name: 'events',
  title: 'events',
  files: {
    'pod.yaml': podYaml('alpha'),
    'stuck.yaml': podYaml('stuck', '  nodeSelector: {nope: nope}\n'),
  },
  setup: [
    'create -f pod.yaml -f stuck.yaml',
    'wait --for=condition=Ready pod/alpha --timeout=120s',
  ],
  cases: [
    { run: 'events --for=pod/alpha', until: /Scheduled/, isUnordered: true },
    { run: 'events --for=pod/stuck', until: /FailedScheduling/ },
    { run: 'events --types=Warning', until: /FailedScheduling/ },
    { run: 'events --types=Nope' },
    {
      run: 'events --for=pod/stuck -o yaml',
      drop: [
        [/^ {4}(?:reportingInstance|eventTime|count|firstTimestamp|lastTimestamp): .*\n/gm, ''],
        [/^ {4}series:\n(?: {6}.*\n)+/gm, ''],
      ],
    },
    { run: 'events --for=pod/nobody' },
    { run: 'get events --field-selector involvedObject.name=stuck' },
    { run: 'get events --field-selector involvedObject.name=alpha,reason=Scheduled -o wide' },
    { run: 'get events.events.k8s.io --field-selector regarding.name=stuck' },
    { run: 'get events --field-selector reason=Scheduled -o jsonpath={.items[*].message}' },
    { run: 'events --for=pod/alpha -w', stopAt: /Scheduled/, isUnordered: true },
  ],
}
