// SPDX-License-Identifier: Apache-2.0
//
// The two things that tests ask of etcd, over its JSON gateway.

/** Throws away all history, so that the API server cannot continue lists and watches from before. */
export async function compactEtcd(url: string): Promise<void> {
  const { header } = await post<{ header: { revision: string } }>(`${url}/v3/kv/range`, {
    key: Buffer.from('any').toString('base64'),
  })
  await post(`${url}/v3/kv/compaction`, { revision: header.revision, physical: true })
}

/** Returns whether etcd answers and has a leader. */
export async function isEtcdHealthy(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health`)
  return response.ok
}

async function post<T>(url: string, body: unknown): Promise<T> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(`Cannot post to etcd ${url}: ${response.status} ${text}`)
  return JSON.parse(text) as T
}
