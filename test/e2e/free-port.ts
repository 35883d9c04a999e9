// SPDX-License-Identifier: Apache-2.0
//
// Scenarios take their ports as the conformance kit does.
export { freePort } from '../../src/testing/free-port.ts'
