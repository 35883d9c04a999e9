// SPDX-License-Identifier: Apache-2.0
//
// Into containers: logs, exec, attach, cp, port-forward, debug.
import { podYaml, processPodYaml } from '../manifests.ts'
import type { ParityCase, ParityGroup } from '../parity-case.ts'

const mock = podYaml('echo', '  - {name: side, image: b}\n')
/** kubectl may end before it has them. */
const tarWords: ParityCase['drop'] = [[/^tar: .*\n?/gm, '']]

const talker = processPodYaml('talker', 'echo one; echo two; echo oops; exec sleep 3600')

export const logsGroup: ParityGroup = {
  name: 'logs',
  title: 'logs',
  files: {
    'talker.yaml': talker,
    'failed.yaml': processPodYaml('failed', 'echo last words; exit 3'),
    'stuck.yaml': podYaml('stuck', '  nodeSelector: {nope: nope}\n'),
    'mock.yaml': mock,
    'job.yaml': `apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {kubernetes.io/hostname: process-node}
      tolerations: [{key: virtual-kubelet.io/provider, operator: Exists}]
      containers: [{name: main, image: host, command: [echo, done]}]
`,
  },
  setup: [
    'create -f talker.yaml -f failed.yaml -f stuck.yaml -f mock.yaml -f job.yaml',
    'wait --for=condition=Ready pod/talker pod/echo --timeout=120s',
    `wait --for=jsonpath='{.status.phase}'=Failed pod/failed --timeout=120s`,
    'wait --for=condition=Complete job/once --timeout=120s',
  ],
  cases: [
    { run: 'logs talker', until: /oops/, isUnordered: true },
    { run: 'logs failed' },
    { run: 'logs job/once' },
    { run: 'logs -l batch.kubernetes.io/job-name=once --prefix' },
    { run: 'logs talker -c main --tail=1 --limit-bytes=2' },
    { run: 'logs talker --timestamps --tail=2', isUnordered: true },
    { run: 'logs talker --since=1h', isUnordered: true },
    { run: 'logs talker --since=1h --since-time=2020-01-01T00:00:00Z' },
    { run: 'logs talker -f', stopAt: /oops/, isUnordered: true },
    { run: 'logs talker --previous' },
    { run: 'logs talker -c nobody' },
    { run: 'logs echo --all-containers --tail=0' },
    { run: 'logs echo -c side --tail=0' },
    { run: 'logs stuck' },
    { run: 'logs nobody' },
    { run: 'logs deployment/nobody' },
    { run: 'logs talker --tail=-2' },
    { run: 'logs failed --follow' },
  ],
}

export const execGroup: ParityGroup = {
  name: 'exec',
  title: 'exec, attach, cp, port-forward, debug',
  files: {
    'talker.yaml': talker,
    'reader.yaml': processPodYaml('reader', 'while read line; do echo got $line; done').replace(
      'image: host',
      'image: host\n    stdin: true',
    ),
    'mock.yaml': mock,
    'stuck.yaml': podYaml('stuck', '  nodeSelector: {nope: nope}\n'),
    'copied.txt': 'copied\n',
  },
  setup: [
    'create -f talker.yaml -f reader.yaml -f mock.yaml -f stuck.yaml',
    'wait --for=condition=Ready pod/talker pod/reader pod/echo --timeout=120s',
  ],
  cases: [
    { run: 'exec talker -- echo hello' },
    { run: `exec talker -- sh -c 'echo out; echo err >&2; exit 7'` },
    { run: 'exec -i talker -- cat', stdin: 'through\n' },
    { run: 'exec talker -- nothing-like-this' },
    { run: 'exec talker -c nobody -- true' },
    { run: 'exec stuck -- true' },
    { run: 'exec nobody -- true' },
    { run: 'exec talker' },
    { run: 'exec echo -- echo mock' },
    { run: 'exec echo -c side -- exit 3' },
    { run: 'exec -i -t echo -- echo terminal' },
    { run: 'attach -i reader', stdin: 'line\n', stopAt: /got line/ },
    { run: 'attach nobody' },
    { run: 'cp copied.txt talker:/tmp/NS-copied.txt' },
    { run: 'exec talker -- cat /tmp/NS-copied.txt' },
    { run: 'cp talker:/tmp/NS-copied.txt back.txt', drop: tarWords },
    { run: 'exec talker -- rm /tmp/NS-copied.txt' },
    { run: 'cp talker:absent.txt absent.txt', drop: tarWords },
    { run: 'cp nobody:a b' },
    {
      run: 'port-forward pod/echo :80',
      talk: 'echo',
      drop: [[/^Handling connection for \d+\n/gm, '']],
    },
    { run: 'port-forward pod/nobody :80' },
    { run: 'port-forward pod/stuck :80 --pod-running-timeout=1s' },
    { run: 'port-forward service/nobody :80' },
    { run: 'debug echo --image=b -c debugger' },
    { run: `get pod echo -o jsonpath='{.spec.ephemeralContainers[*].name}'` },
    { run: 'debug nobody --image=b' },
    { run: 'debug echo --image=b --copy-to=copy --same-node=false' },
    {
      run: `get pod copy -o jsonpath='{.spec.containers[*].name}'`,
      drop: [[/debugger-\w+/g, 'debugger-<random>']],
    },
  ],
}
