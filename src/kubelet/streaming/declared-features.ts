// SPDX-License-Identifier: Apache-2.0
// What this kubelet API can do beyond what every API server takes for granted.

/**
 * Names for the Node's status. The API server then hands WebSocket connections on as they are: exec and
 * attach in version 5, which needs half-closed channels, and port-forward as SPDY in a tunnel. Both are
 * here; one alone would break kubectl.
 */
export const declaredFeatures: readonly string[] = ['ExtendWebSocketsToKubelet']
