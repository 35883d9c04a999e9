// SPDX-License-Identifier: Apache-2.0
//
// What several groups of cases have in common: objects that they begin with, as YAML, and what they wait for.

/** A pod that runs on in the mock. */
export function podYaml(name: string, more = ''): string {
  return `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  labels: {app: ${name}, tier: front}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: example/web:1
    ports: [{containerPort: 80, name: http}]
    resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
${more}`
}

/** A pod whose command runs as a process of the host. */
export function processPodYaml(name: string, script: string): string {
  return `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  nodeSelector: {kubernetes.io/hostname: process-node}
  tolerations: [{key: virtual-kubelet.io/provider, operator: Exists}]
  containers:
  - name: main
    image: host
    command: [sh, -c, ${JSON.stringify(script)}]
`
}

/** A Deployment of mock pods. */
export function deploymentYaml(name: string, replicas = 2): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels: {app: ${name}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: example/web:1
`
}

/** A ConfigMap with one key. */
export function configMapYaml(name: string, value: string): string {
  return `apiVersion: v1
kind: ConfigMap
metadata:
  name: ${name}
data:
  key: ${value}
`
}

/** Commands that wait for all that a Deployment's controller has to do, its status and its revision included. */
export function rolledOut(name: string): readonly string[] {
  return [
    `rollout status deployment/${name} --timeout=120s`,
    `wait --for=jsonpath='{.status.terminatingReplicas}'=0 deployment/${name} --timeout=120s`,
  ]
}
