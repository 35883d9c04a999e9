// SPDX-License-Identifier: Apache-2.0
// Command, arguments and variables of a container that no operating system can hand on to a process: what the API
// takes, and a backend would refuse without a word about which it was. A variable is told by its name alone.
import type { Container } from '../kube/types.gen.ts'
import type { ResolvedContainer } from '../provider/provider.ts'
import { VkError } from '../util/vk-error.ts'

const zero = '\0'
const hint = 'which no process can be given'

/**
 * Throws a VkError with reason CreateContainerConfigError for the first word that cannot be handed on; `resolved`
 * is what the container is really started with.
 */
export function checkWords(
  spec: Pick<Container, 'name' | 'workingDir'>,
  { command, args, env }: Pick<ResolvedContainer, 'command' | 'args' | 'env'>,
): void {
  const refuse = (what: string, why: string): never => {
    throw new VkError('Invalid', `Cannot start container "${spec.name}": ${what} ${why}`, {
      podReason: 'CreateContainerConfigError',
    })
  }
  for (const { name, value } of env) {
    const variable = `environment variable ${JSON.stringify(name)}`
    if (name === '') refuse(variable, 'has no name')
    if (name.includes('=')) refuse(variable, 'has a "=" in its name, where its value would begin')
    if (name.includes(zero)) refuse(variable, `has a zero byte in its name, ${hint}`)
    if (value.includes(zero)) {
      refuse(
        variable,
        `has a value with a zero byte, ${hint}: mount it as a file of a volume instead`,
      )
    }
  }
  const lists = { command, args, workingDir: [spec.workingDir ?? ''] }
  for (const [list, words] of Object.entries(lists)) {
    const index = words.findIndex((word) => word.includes(zero))
    const what = list === 'workingDir' ? list : `${list}[${index}]`
    if (index !== -1) refuse(what, `holds a zero byte, ${hint}`)
  }
}
