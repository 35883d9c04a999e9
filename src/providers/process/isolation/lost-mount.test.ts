// SPDX-License-Identifier: Apache-2.0
// Somebody else's mount, an engine's container say, may end while the host's are taken along into a sandbox.
import assert from 'node:assert/strict'
import { chmod, mkdtempDisposable, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ended } from '../../../../test/support/process-probes.ts'
import { processWorld } from '../../../../test/support/process-runtime.ts'
import { noSandbox, sandboxWorld, startOf } from '../../../../test/support/sandbox-world.ts'

const said =
  'bwrap: Can\'t bind mount /oldroot/ on /newroot/: Unable to apply mount flags: remount "/newroot/merged": '

test(
  'a start that such an end has spoiled is tried again, a few times',
  { skip: noSandbox },
  async () => {
    await using plain = await sandboxWorld()
    const { tools } = plain.surroundings
    await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-lost-mount-'))
    for (const [spoiled, why] of [
      [1, 'No such file or directory'],
      [9, 'Invalid argument'],
    ] as const) {
      const bubblewrap = join(dir.path, `bwrap-${spoiled}`)
      const notes = `${bubblewrap}.tried`
      const script = `#!/bin/sh
        if [ "$(cat ${notes}-* 2>/dev/null | wc -l)" -lt ${spoiled} ]; then
          echo >"${notes}-$$"; echo '${said.replace("'", `'\\''`)}${why}' >&2; exit 1
        fi
        exec ${tools.bubblewrap} "$@"\n`
      await writeFile(bubblewrap, script)
      await chmod(bubblewrap, 0o755)
      const surroundings = {
        ...plain.surroundings,
        caller: undefined,
        tools: { ...tools, bubblewrap },
      }
      await using world = await processWorld({ isolation: 'bubblewrap' }, { surroundings })
      const start = startOf(world, { script: 'echo ran' })
      const starting = world.runtime.startContainer(start, world.context)
      if (spoiled === 9) {
        await assert.rejects(starting, /Unable to apply mount flags/)
        assert.ok((await readdir(dir.path)).filter((name) => name.includes('-9.tried-')).length < 9)
        continue
      }
      await starting
      await ended(world.runtime, start.key)
      assert.equal(await world.output(start), 'ran\n')
    }
  },
)
