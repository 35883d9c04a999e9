// SPDX-License-Identifier: Apache-2.0
//
// What is refused or warned about: --dry-run, --validate, invalid objects.
import { configMapYaml, deploymentYaml, podYaml } from '../manifests.ts'
import type { ParityCase, ParityGroup } from '../parity-case.ts'

const pod = podYaml('alpha')
const web = deploymentYaml('web')
const head = 'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n'
const unknown = `${pod}  nope: 1\n  containerz: []\n`

const invalid: Readonly<Record<string, string>> = {
  'no containers': `${head}spec: {}\n`,
  'no image': `${head}spec: {containers: [{name: a}]}\n`,
  'no name': `${head}spec: {containers: [{image: a}]}\n`,
  'bad name': `apiVersion: v1\nkind: Pod\nmetadata: {name: Bad_Name}\nspec: {containers: [{name: a, image: a}]}\n`,
  'same container twice': `${head}spec: {containers: [{name: a, image: a}, {name: a, image: b}]}\n`,
  'bad quantity': `${head}spec: {containers: [{name: a, image: a, resources: {limits: {cpu: x}}}]}\n`,
  'request over limit': `${head}spec: {containers: [{name: a, image: a, resources: {limits: {cpu: 1}, requests: {cpu: 2}}}]}\n`,
  'missing volume': `${head}spec: {containers: [{name: a, image: a, volumeMounts: [{name: v, mountPath: /v}]}]}\n`,
  'bad restart policy': `${head}spec: {restartPolicy: Sometimes, containers: [{name: a, image: a}]}\n`,
  'bad port': `${head}spec: {containers: [{name: a, image: a, ports: [{containerPort: 70000}]}]}\n`,
  'bad env name': `${head}spec: {containers: [{name: a, image: a, env: [{name: '', value: x}]}]}\n`,
  'bad pull policy': `${head}spec: {containers: [{name: a, image: a, imagePullPolicy: Maybe}]}\n`,
  'bad probe': `${head}spec: {containers: [{name: a, image: a, livenessProbe: {periodSeconds: -1}}]}\n`,
  'bad toleration': `${head}spec: {tolerations: [{operator: Nope}], containers: [{name: a, image: a}]}\n`,
  'bad label': `apiVersion: v1\nkind: Pod\nmetadata: {name: x, labels: {a b: c}}\nspec: {containers: [{name: a, image: a}]}\n`,
  'text for a number': `${head}spec: {terminationGracePeriodSeconds: soon, containers: [{name: a, image: a}]}\n`,
  'list for an object': `${head}spec: []\n`,
  'selector mismatch': web.replace('matchLabels: {app: web}', 'matchLabels: {app: other}'),
  'no selector': web.replace('  selector: {matchLabels: {app: web}}\n', ''),
  'negative replicas': web.replace('replicas: 2', 'replicas: -1'),
  'job restart policy':
    'apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{name: a, image: a}]}}}\n',
  'service without ports':
    'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {selector: {a: b}}\n',
  'service type':
    'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {type: Nope, ports: [{port: 80}]}\n',
  'configmap key': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {'a/b': c}\n`,
  'number in configmap': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: 1}\n',
  'secret data': 'apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: "%%%"}\n',
  'unknown kind': 'apiVersion: v1\nkind: Nothing\nmetadata: {name: x}\n',
  'unknown version': 'apiVersion: apps/v9\nkind: Deployment\nmetadata: {name: x}\n',
  'no kind': 'apiVersion: v1\nmetadata: {name: x}\n',
  'no name at all': 'apiVersion: v1\nkind: ConfigMap\n',
  'other namespace': configMapYaml('x', 'y').replace('name: x', 'name: x\n  namespace: other'),
  'bad yaml': 'apiVersion: v1\nkind: [\n',
  'not an object': '- 1\n- 2\n',
  'role binding':
    'apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: x}\nroleRef: {kind: Role, name: r}\nsubjects: [{kind: Nope, name: y}]\n',
  'cron schedule':
    'apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {schedule: "61 * * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}}}\n',
  quota: 'apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: x}\nspec: {hard: {pods: -1}}\n',
  budget:
    'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {minAvailable: -1, selector: {matchLabels: {a: b}}}\n',
}

export const dryRunGroup: ParityGroup = {
  name: 'dry-run',
  title: '--dry-run, --validate',
  files: {
    'pod.yaml': pod,
    'web.yaml': web,
    'unknown.yaml': unknown,
    'twice.yaml': `${pod}  restartPolicy: Never\n  restartPolicy: Always\n`,
  },
  cases: [
    { run: 'create -f pod.yaml --dry-run=client' },
    { run: 'create -f pod.yaml --dry-run=client -o yaml' },
    { run: 'create -f pod.yaml --dry-run=server' },
    { run: 'create -f pod.yaml --dry-run=server -o yaml' },
    { run: 'create -f web.yaml --dry-run=server -o yaml' },
    { run: 'get pods,deployments' },
    { run: 'create -f pod.yaml --dry-run=nope' },
    ...['strict', 'warn', 'ignore', 'true', 'false'].flatMap((validate) => [
      { run: `create -f unknown.yaml --validate=${validate} --dry-run=server` },
      { run: `apply -f unknown.yaml --validate=${validate} --dry-run=server` },
    ]),
    { run: 'create -f unknown.yaml --validate=nope' },
    { run: 'create -f twice.yaml --dry-run=server' },
    { run: 'create -f twice.yaml --dry-run=server --validate=warn' },
    { run: 'delete pod nobody --dry-run=server' },
  ],
}

export const invalidGroup: ParityGroup = {
  name: 'invalid',
  title: 'invalid objects',
  cases: Object.entries(invalid).flatMap(([as, stdin]): ParityCase[] => [
    { run: 'create -f -', as, stdin },
    { run: 'create -f - --validate=false', as: `${as}, not validated`, stdin },
  ]),
}

export const immutableGroup: ParityGroup = {
  name: 'immutable',
  title: 'immutable fields, conflicts',
  files: {
    'job.yaml':
      'apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec: {suspend: true, completions: 2, template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}\n',
    'service.yaml':
      'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {a: b}, ports: [{port: 80}]}\n',
    'pvc.yaml':
      'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, storageClassName: none}\n',
    'rbac.yaml':
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}\n',
    'priority.yaml':
      'apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: NS-class}\nvalue: 5\n',
    'web.yaml': web,
    'pod.yaml': pod,
    'secret.yaml': 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: Opaque\n',
  },
  setup: [
    'create -f job.yaml -f service.yaml -f pvc.yaml -f rbac.yaml -f priority.yaml -f web.yaml -f pod.yaml -f secret.yaml',
  ],
  cases: [
    { run: `patch job once -p '{"spec":{"completions":3}}'` },
    {
      run: `patch job once -p '{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"c"}]}}}}'`,
    },
    { run: `patch job once -p '{"spec":{"selector":{"matchLabels":{"a":"b"}}}}'` },
    { run: `patch service web -p '{"spec":{"clusterIP":"10.96.0.77"}}'` },
    { run: `patch service web -p '{"spec":{"ports":[{"port":80,"nodePort":30080}]}}'` },
    { run: `patch pvc data -p '{"spec":{"accessModes":["ReadOnlyMany"]}}'` },
    { run: `patch pvc data -p '{"spec":{"resources":{"requests":{"storage":"1Mi"}}}}'` },
    { run: `patch rolebinding b -p '{"roleRef":{"name":"other"}}'` },
    { run: `patch priorityclass NS-class -p '{"value":6}'` },
    { run: `patch secret s -p '{"type":"other"}'` },
    { run: `patch deployment web -p '{"spec":{"selector":{"matchLabels":{"b":"c"}}}}'` },
    { run: `patch pod alpha -p '{"spec":{"hostNetwork":true}}'` },
    { run: `patch pod alpha -p '{"spec":{"restartPolicy":"Never"}}'` },
    // Its node may write its status between kubectl's look and its patch.
    { run: `patch pod alpha -p '{"spec":{"tolerations":[]}}'`, until: /\(no change\)/ },
    { run: `patch pod alpha --type=json -p '[{"op":"remove","path":"/spec/containers/0"}]'` },
    { run: `patch namespace NS -p '{"metadata":{"labels":{"kubernetes.io/metadata.name":"x"}}}'` },
    { run: `patch node mock-node -p '{"spec":{"podCIDR":"10.0.0.0/33"}}'` },
    { run: `patch deployment web -p '{"metadata":{"resourceVersion":"1"},"spec":{"replicas":3}}'` },
    { run: 'delete priorityclass NS-class' },
    { run: `get deployment web -o jsonpath='{.metadata.generation}'` },
  ],
}
