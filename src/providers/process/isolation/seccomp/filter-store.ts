// SPDX-License-Identifier: Apache-2.0
// The files of filters, in a directory of the node. Each is named after what is in it and made once; there are
// as many as profiles and sets of capabilities, and no secret is in them.
import type { HostTools } from '../../host-tools.ts'
import { ensureFile } from '../content-file.ts'
import { encode } from './bpf.ts'
import { defaultProfile } from './default-profile.ts'
import { filterProgram } from './filter-program.ts'
import type { FilterArchitecture } from './filter-program.ts'
import type { SeccompProfile } from './seccomp-profile.ts'
import { starterFile } from './starter-file.ts'
import { withStartingCalls } from './starting-calls.ts'
import { tryTool } from '../../try-tool.ts'

/** Files of one profile. */
export interface FilterFiles {
  /** Runs its arguments under the filter; see starter-file.ts. */
  readonly starter: string
  /** For bwrap, which filters its own process in the container, and the steps before the starter, by it. */
  readonly program: string
  /** The same two as instructions: for what is started under the filter, and for what starts it. */
  readonly exact: Uint8Array
  readonly early: Uint8Array
}

/** Makes filters for this machine. */
export class FilterStore {
  readonly #dir: string
  readonly #architecture: FilterArchitecture
  readonly #known = new Map<string, FilterFiles>()

  private constructor(dir: string, architecture: FilterArchitecture) {
    this.#dir = dir
    this.#architecture = architecture
  }

  /** Undefined where filters do not work; tries one, once, in a few milliseconds. */
  static open(dir: string, { shell }: Pick<HostTools, 'shell'>): FilterStore | undefined {
    const architecture = filterArchitecture()
    if (architecture === undefined) return undefined
    const store = new FilterStore(dir, architecture)
    const { starter } = store.filesOf(defaultProfile([]))
    const { status } = tryTool(starter, [shell, '-c', ':'], { stdio: 'ignore' })
    return status === 0 ? store : undefined
  }

  /** Throws a VkError for a profile that the kernel would not take. */
  filesOf(profile: SeccompProfile): FilterFiles {
    const key = JSON.stringify(profile, (_name, value: unknown) =>
      typeof value === 'bigint' ? `${value}n` : value,
    )
    const known = this.#known.get(key)
    if (known) return known
    const exact = filterProgram(profile, this.#architecture)
    const early = encode(filterProgram(withStartingCalls(profile), this.#architecture))
    const files = {
      starter: ensureFile(this.#dir, starterFile(exact, this.#architecture), 0o755),
      program: ensureFile(this.#dir, early, 0o644),
      exact: encode(exact),
      early,
    }
    this.#known.set(key, files)
    return files
  }
}

/** Undefined: its numbers are not known here. */
export function filterArchitecture(): FilterArchitecture | undefined {
  const { arch, platform } = process
  return platform === 'linux' && (arch === 'x64' || arch === 'arm64') ? arch : undefined
}
