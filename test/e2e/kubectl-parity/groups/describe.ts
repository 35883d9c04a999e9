// SPDX-License-Identifier: Apache-2.0
//
// kubectl describe: what it makes of objects, their relatives and their events.
import { configMapYaml, deploymentYaml, podYaml } from '../manifests.ts'
import type { ParityGroup } from '../parity-case.ts'

/** Set before there is anything to limit. */
const limits = `apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec: {hard: {pods: '50', requests.cpu: '20', count/configmaps: '30'}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: best-effort}
spec: {hard: {pods: '40'}, scopes: [BestEffort]}
---
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec: {limits: [{type: Container, max: {cpu: '4'}, defaultRequest: {cpu: 10m}, default: {cpu: 500m}}]}
`

const objects = `apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  completions: 2
  parallelism: 2
  template:
    metadata: {annotations: {mock.virtual-kubelet.io/run-time: 100ms}}
    spec: {restartPolicy: Never, terminationGracePeriodSeconds: 1, containers: [{name: main, image: a, command: [work], args: [hard]}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: 0 3 * * *
  timeZone: Etc/UTC
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: a}]}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {note: hello}}
spec: {selector: {app: web}, sessionAffinity: ClientIP, ports: [{port: 80, targetPort: 8080, name: http}, {port: 53, protocol: UDP, name: dns}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, storageClassName: none}
---
apiVersion: v1
kind: Secret
metadata: {name: password}
type: Opaque
stringData: {password: secret}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
imagePullSecrets: [{name: registry}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [''], resources: [pods, pods/log], verbs: [get, list]}, {apiGroups: [apps], resources: [deployments], resourceNames: [web], verbs: ['*']}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: robot, namespace: NS}, {kind: Group, name: team, apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {maxUnavailable: 25%, selector: {matchLabels: {app: web}}}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: parity-describe}
value: 1000
description: for tests
preemptionPolicy: Never
---
apiVersion: v1
kind: Pod
metadata: {name: stuck}
spec:
  nodeSelector: {nope: nope}
  containers: [{name: main, image: a}]
`

const rich = podYaml(
  'rich',
  `    env:
    - {name: PLAIN, value: text}
    - {name: FROM_MAP, valueFrom: {configMapKeyRef: {name: settings, key: key}}}
    - {name: FROM_FIELD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    envFrom: [{secretRef: {name: password}}]
    command: [serve]
    args: [--port, '80']
    livenessProbe: {httpGet: {path: /, port: http}, periodSeconds: 60}
    readinessProbe: {exec: {command: ['true']}}
    volumeMounts: [{name: scratch, mountPath: /tmp}, {name: settings, mountPath: /etc/settings, readOnly: true}]
  initContainers: [{name: first, image: a}]
  volumes: [{name: scratch, emptyDir: {}}, {name: settings, configMap: {name: settings}}]
  nodeSelector: {kubernetes.io/os: linux}
`,
)

const sortEvents = { isUnordered: true } as const
const object = (name: string) => ({ run: `describe ${name}` })

export const describeGroup: ParityGroup = {
  name: 'describe',
  title: 'describe',
  files: {
    'limits.yaml': limits,
    'objects.yaml': objects,
    'settings.yaml': configMapYaml('settings', 'value'),
    'rich.yaml': rich,
    'web.yaml': deploymentYaml('web'),
  },
  setup: [
    'apply -f limits.yaml',
    // What comes before it counts is found later, or not at all.
    `wait --for=jsonpath='{.status.hard.pods}'=50 quota/quota --timeout=120s`,
    `wait --for=jsonpath='{.status.hard.pods}'=40 quota/best-effort --timeout=120s`,
    'apply -f objects.yaml -f settings.yaml',
    'apply -f rich.yaml -f web.yaml',
    'wait --for=condition=Ready pod/rich --timeout=120s',
    'rollout status deployment/web --timeout=120s',
    'wait --for=condition=Complete job/once --timeout=120s',
  ],
  cases: [
    { run: 'describe pod rich', until: /Scheduled/, ...sortEvents },
    { run: 'describe pod stuck', until: /FailedScheduling/ },
    { run: 'describe pods -l app=web --show-events=false' },
    { run: 'describe deployment web', until: /ScalingReplicaSet/ },
    { run: 'describe rs -l app=web', until: /(?:SuccessfulCreate[\s\S]*){2}/ },
    { run: 'describe job once', until: /Completed/, ...sortEvents },
    object('cronjob nightly'),
    { ...object('service web'), until: /Endpoints:\s+\S+,\S+\n[\s\S]*Endpoints:\s+\S+,\S+\n/ },
    { ...object('endpoints web'), until: /Addresses:\s+\S+,/ },
    {
      run: 'describe endpointslice -l kubernetes.io/service-name=web',
      until: /(?:Ready:\s+true[\s\S]*){2}/,
    },
    // The pods that have ended are not counted any more, in a while.
    ...['namespace NS', 'quota quota'].map((name) => ({ ...object(name), until: /pods\s+4\s+50/ })),
    ...['quota best-effort', 'limitrange limits', 'pvc data', 'secret password'].map(object),
    ...['configmap settings', 'serviceaccount robot', 'role reader', 'rolebinding reader'].map(
      object,
    ),
    ...['clusterrole view', 'clusterrole system:node', 'clusterrolebinding cluster-admin'].map(
      object,
    ),
    { ...object('pdb web'), until: /Current: +2/ },
    ...['priorityclass parity-describe', 'priorityclass system-node-critical'].map(object),
    ...['pod nobody', 'pod ric', 'nothing', 'pod rich stuck --show-events=false'].map(object),
    { run: 'describe -f web.yaml --show-events=false' },
    { run: 'describe node spare-node --show-events=false' },
    { run: 'describe lease spare-node -n kube-node-lease' },
  ],
}
