// SPDX-License-Identifier: Apache-2.0
//
// kubectl get: every form of output, selectors, sorting, watches.
import { configMapYaml, deploymentYaml, podYaml } from '../manifests.ts'
import type { ParityCase, ParityGroup } from '../parity-case.ts'

const kinds = [
  'pods',
  'deployments',
  'replicasets',
  'jobs',
  'cronjobs',
  'services',
  'endpoints',
  'endpointslices',
  'configmaps',
  'secrets',
  'serviceaccounts',
  'roles',
  'rolebindings',
  'persistentvolumeclaims',
  'resourcequotas',
  'limitranges',
  'poddisruptionbudgets',
  'priorityclasses',
  'runtimeclasses',
  'nodes',
]

const extras = `apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, name: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere}
spec: {type: ExternalName, externalName: example.org}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: 0 3 * * *
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: a}]}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: waiting}
spec:
  suspend: true
  completions: 3
  template: {spec: {restartPolicy: Never, containers: [{name: main, image: a}]}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, storageClassName: none}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec: {hard: {pods: '50', requests.cpu: '20'}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec: {limits: [{type: Container, defaultRequest: {cpu: 10m}}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: parity-get}
handler: none
---
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {password: secret}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: default, namespace: NS}, {kind: User, name: jane, apiGroup: rbac.authorization.k8s.io}]
`

/** Rows that other groups add are no concern of this one. */
const own = (kind: string): string =>
  kind === 'nodes'
    ? ' mock-node spare-node'
    : kind === 'runtimeclasses'
      ? ' parity-get'
      : kind === 'priorityclasses'
        ? ' system-cluster-critical system-node-critical'
        : ''

/** What controllers count: all of it, once they have seen both pods of `web`. */
const counts: Readonly<Record<string, RegExp>> = {
  endpoints: /(?:\d\.\d+(?::\d+)?,\d[\s\S]*){3}/,
  endpointslices: /(?:\d\.\d+,\d[\s\S]*){3}/,
  poddisruptionbudgets: /web +1 +N\/A +1 /,
  resourcequotas: /pods: 4\/50/,
  'endpoints web': /(?:ip: [\s\S]*){2}/,
  'pdb web': /disruptionsAllowed: 1/,
  'resourcequota quota': /pods: "4"/,
}
const counted = (what: string): Partial<ParityCase> => {
  const until = counts[what]
  return until ? { until } : {}
}

export const getGroup: ParityGroup = {
  name: 'get',
  title: 'get',
  files: {
    'a.yaml': podYaml('alpha'),
    'b.yaml': podYaml('beta').replace('tier: front', 'tier: back'),
    'c.yaml': configMapYaml('settings', 'value'),
    'd.yaml': deploymentYaml('web'),
    'e.yaml': extras,
    'columns.txt': 'NAME METADATA.LABELS\n',
    'template.txt': '{{range .items}}{{.metadata.name}} {{.spec.restartPolicy}}\n{{end}}',
    'path.txt': '{range .items[*]}{.metadata.name}{"\\t"}{.status.phase}{"\\n"}{end}',
  },
  setup: [
    'apply -f e.yaml',
    // What comes before it counts is found later, or not at all.
    `wait --for=jsonpath='{.status.hard.pods}'=50 quota/quota --timeout=120s`,
    'apply -f a.yaml -f b.yaml -f c.yaml -f d.yaml',
    'wait --for=condition=Ready pod/alpha pod/beta --timeout=120s',
    'rollout status deployment/web --timeout=120s',
  ],
  cases: [
    { run: 'get endpointslices -l kubernetes.io/service-name=web', until: /<?\d+\.\d+\.\d+\.\d+,/ },
    ...kinds.flatMap((kind) => [
      { run: `get ${kind}${own(kind)}`, isUnordered: true, ...counted(kind) },
      { run: `get ${kind}${own(kind)} -o wide`, isUnordered: true, ...counted(kind) },
    ]),
    ...[
      'pod alpha',
      'deployment web',
      'service web',
      'service outside',
      'service headless',
      'service elsewhere',
      'endpoints web',
      'job waiting',
      'cronjob nightly',
      'configmap settings',
      'secret password',
      'serviceaccount default',
      'resourcequota quota',
      'limitrange limits',
      'pdb web',
      'pvc data',
      'role reader',
      'rolebinding reader',
      'runtimeclass parity-get',
      'node mock-node',
      'namespace NS',
    ].map((object) => ({ run: `get ${object} -o yaml`, ...counted(object) })),
    { run: 'get rs -o yaml' },
    {
      run: 'get endpointslices -l kubernetes.io/service-name=web -o yaml',
      // Counts how many changes were seen one by one.
      drop: [[/^ +generation: \d+\n/gm, '']],
    },
    { run: 'get priorityclasses system-cluster-critical system-node-critical -o yaml' },
    { run: 'get pod alpha -o json' },
    { run: 'get pod alpha -o json --show-managed-fields', drop: [[/^\s+"?f:.*$/gm, '']] },
    { run: 'get pods -l tier -o json' },
    { run: 'get pods -o name', isUnordered: true },
    { run: 'get pod/alpha deployment/web svc/web -o name' },
    { run: `get pods -l tier -o jsonpath='{.items[*].metadata.name}'` },
    {
      run: `get pods -l tier -o jsonpath='{range .items[*]}{.metadata.name}={.spec.nodeName};{end}'`,
    },
    { run: `get pods alpha -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}'` },
    { run: 'get pods -l tier -o jsonpath-file=path.txt' },
    { run: `get pods alpha -o jsonpath='{.nope'` },
    { run: `get pods -l tier -o jsonpath-as-json='{.items[*].spec.containers[*].image}'` },
    { run: `get pods -l tier -o go-template='{{len .items}}'` },
    { run: 'get pods -l tier -o go-template-file=template.txt' },
    {
      run: `get pods -l tier -o custom-columns='NAME:.metadata.name,IMAGE:.spec.containers[*].image'`,
    },
    { run: `get pods -l tier -o custom-columns-file=columns.txt` },
    { run: `get pods -l tier --no-headers`, drop: [[/\d+\w+$/gm, '<age>']] },
    { run: 'get pods --show-labels -l tier' },
    { run: 'get nodes mock-node -L kubernetes.io/os,type' },
    { run: 'get pods -L app,tier -l tier' },
    { run: `get pods -l 'tier in (front,back),app!=beta'` },
    { run: `get pods -l '!tier' -o custom-columns='IMAGE:.spec.containers[0].image'` },
    { run: `get pods -l 'tier in ('` },
    { run: 'get pods --field-selector metadata.name=alpha' },
    { run: 'get pods --field-selector spec.nodeName=mock-node,status.phase=Running -l tier' },
    { run: 'get pods --field-selector status.phase!=Running' },
    { run: 'get pods --field-selector spec.nope=1' },
    { run: 'get pods -A --field-selector metadata.namespace=NS,metadata.name=alpha' },
    { run: 'get pods -A -l tier=front --field-selector metadata.namespace=NS' },
    { run: 'get pods -l tier --sort-by=.metadata.name' },
    { run: `get pods -l tier --sort-by='{.metadata.labels.tier}'` },
    { run: 'get pods -l tier --sort-by=.nope' },
    { run: 'get services --sort-by=.spec.type' },
    { run: 'get pods -l tier --show-kind' },
    { run: 'get pods,services -l tier' },
    { run: 'get deploy,svc web' },
    { run: 'get pod/alpha deployment/web' },
    { run: 'get all', isUnordered: true },
    { run: 'get all -l app=web', isUnordered: true },
    { run: 'get configmaps --chunk-size=1 -o name', isUnordered: true },
    { run: 'get services --chunk-size=2', isUnordered: true },
    { run: 'get pod nobody' },
    { run: 'get pod nobody --ignore-not-found' },
    { run: 'get pods alpha nobody' },
    { run: 'get nothing' },
    { run: 'get nothing.example.org' },
    { run: 'get pods.v1. alpha' },
    { run: 'get deployments.v1.apps web' },
    { run: 'get deployment.apps/web' },
    { run: 'get po alpha -o wide' },
    { run: 'get jobs -n nowhere' },
    { run: 'get pods -n nowhere nobody' },
    { run: 'get -f a.yaml' },
    { run: 'get -f a.yaml -f b.yaml -o name' },
    { run: 'get pods alpha -o nope' },
    { run: 'get pods alpha --subresource=status -o yaml' },
    { run: 'get deployment web --subresource=scale -o yaml' },
    { run: 'get deployment web --subresource=scale' },
    { run: 'get pod alpha --output-watch-events' },
    { run: 'get pods alpha -w --output-watch-events', stopAt: /\n.+\n/ },
    { run: 'get pods alpha -w', stopAt: /\n.+\n/ },
    { run: 'get pods -l tier=front -w -o name', stopAt: /alpha\n/ },
    { run: 'get pods alpha --watch-only --request-timeout=5s' },
    { run: 'get pods,services -w' },
    { run: 'get --raw /api/v1/namespaces/NS/pods/alpha' },
    {
      run: 'get --raw /api/v1/namespaces/NS/configmaps?limit=1&fieldSelector=metadata.name=settings',
    },
    { run: 'get --raw /healthz' },
    { run: 'get --raw /readyz' },
    { run: 'get --raw /livez' },
    { run: 'get --raw /api' },
    { run: 'get --raw /nope' },
    { run: 'get --raw /api/v1/nope' },
    { run: 'get --raw /apis/apps/v1/namespaces/NS/deployments/nope' },
    { run: 'get --raw /version', drop: [[/^(?:build|compiler|git|go|platform).*$/gm, '']] },
  ],
}
