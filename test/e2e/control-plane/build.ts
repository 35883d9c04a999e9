// SPDX-License-Identifier: Apache-2.0
//
// Builds the control plane for tests: one binary that is etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler or kubectl, by the name that it is called.
// As a script it prints the folder that has these names.
import { goBuild, printBuild } from '../go-build.ts'

const VERSION = 'v1.36.3'
const [MAJOR, MINOR] = VERSION.slice(1).split('.')

/** Builds the control plane unless the cache has it; returns the folder of its programs. */
export function buildControlPlane(): string {
  return goBuild({
    name: 'control-plane',
    source: import.meta.dirname,
    args: ['build', '-trimpath', '-buildvcs=false', '-ldflags', ldflags(), '.'],
    binary: 'control-plane',
    links: ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'],
  })
}

/** A build outside of Kubernetes' own scripts has no version, and kubectl cannot read that one. */
function ldflags(): string {
  const variables = {
    'k8s.io/component-base/version.gitVersion': VERSION,
    'k8s.io/component-base/version.gitMajor': MAJOR,
    'k8s.io/component-base/version.gitMinor': MINOR,
    'k8s.io/client-go/pkg/version.gitVersion': VERSION,
  }
  return ['-s', '-w', ...Object.entries(variables).map(([key, to]) => `-X ${key}=${to}`)].join(' ')
}

if (import.meta.main) printBuild(buildControlPlane)
