// SPDX-License-Identifier: Apache-2.0
// What the first process of a sandbox cannot do to itself is the reason of a failed start: its program has not
// run, however fast it is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRoot, processWorld } from '../../../../../test/support/process-runtime.ts'
import { noSandbox, sandboxWorld, startOf } from '../../../../../test/support/sandbox-world.ts'
import { VkError } from '../../../../util/vk-error.ts'
import { codes, encode, load, offsets, returns, test as jumpIf } from '../seccomp/bpf.ts'
import { filterArchitecture, type FilterStore } from '../seccomp/filter-store.ts'
import { numberOf } from '../seccomp/filter-program.ts'
import { verdicts } from '../seccomp/seccomp-profile.ts'

const skip = noSandbox || (!isRoot && 'an ordinary user leaves sandboxes to bubblewrap')

/** A filter under which that call fails with EPERM. */
function refusing(name: string): Uint8Array {
  const number = numberOf(name, filterArchitecture() ?? 'x64') ?? -1
  const notPermitted = 0x5_0001
  return encode([
    load(offsets.number),
    jumpIf(codes.jumpEqual, number, { whenFalse: 1 }),
    returns(notPermitted),
    returns(verdicts.allow),
  ])
}

test(
  'a first process that cannot be bound tells why, before its program runs',
  { skip },
  async (t) => {
    await using plain = await sandboxWorld()
    const { filters, caller } = plain.surroundings
    if (!filters || !caller) return t.skip('this machine leaves all to bubblewrap')
    const failures = {
      // No instruction of BPF.
      'the filter of the first process cannot be set: invalid argument': Buffer.alloc(8, 0xff),
      'the first process cannot give up its rights: operation not permitted': refusing('capset'),
      'the first process cannot keep others away: operation not permitted': refusing('prctl'),
    }
    for (const [index, [why, early]] of Object.entries(failures).entries()) {
      const broken: Pick<FilterStore, 'filesOf'> = {
        filesOf: (profile) => ({ ...filters.filesOf(profile), early }),
      }
      await using world = await processWorld(
        { isolation: 'bubblewrap' },
        { surroundings: { ...plain.surroundings, filters: broken as FilterStore } },
      )
      const start = startOf(world, {
        script: 'echo ran',
        uid: `pod-${index}`,
        security: { seccompProfile: { type: 'RuntimeDefault' } },
      })
      await assert.rejects(world.runtime.startContainer(start, world.context), (error) => {
        assert.ok(error instanceof VkError)
        assert.equal(error.podReason, 'RunContainerError')
        assert.equal(error.message, `Cannot start process: ${why}`)
        return true
      })
      assert.equal(await world.output(start), '')
    }
  },
)
