// SPDX-License-Identifier: Apache-2.0
//
// All groups of cases, in the order of the table in the documentation.
import type { ParityGroup } from '../parity-case.ts'
import { applyGroup, serverSideApplyGroup } from './apply.ts'
import { editGroup, metadataGroup, patchGroup, setGroup } from './change.ts'
import { execGroup, logsGroup } from './containers.ts'
import { createGroup } from './create.ts'
import { describeGroup } from './describe.ts'
import { getGroup } from './get.ts'
import { deleteGroup, nodesGroup, waitGroup } from './lifecycle.ts'
import { dryRunGroup, immutableGroup, invalidGroup } from './refusals.ts'
import { accessGroup, serverGroup } from './server.ts'
import { eventsGroup, rolloutGroup, runGroupCases, scaleGroup } from './workloads.ts'

export const allGroups: readonly ParityGroup[] = [
  getGroup,
  describeGroup,
  createGroup,
  applyGroup,
  serverSideApplyGroup,
  editGroup,
  patchGroup,
  metadataGroup,
  setGroup,
  nodesGroup,
  deleteGroup,
  waitGroup,
  rolloutGroup,
  scaleGroup,
  runGroupCases,
  eventsGroup,
  logsGroup,
  execGroup,
  serverGroup,
  accessGroup,
  dryRunGroup,
  invalidGroup,
  immutableGroup,
]
