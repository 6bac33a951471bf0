/** What an editor asks of the helper. */
import type { Client } from '../../helper/client/client.ts'

/** As an editor with every view and a panel open. */
export async function openViews(client: Client, paths: readonly string[]): Promise<void> {
  const { cgroupParent } = await client.call('version')
  const containers = await client.call('containers/list')
  const own = containers.map(({ id }) => `${cgroupParent}/${id}`)
  for (const key of ['cgroups', 'containers', 'panel']) client.onUsage(key, () => undefined)
  await client.call('usage/watch', { key: 'cgroups', cgroups: [...paths], metrics: ['cpu'] })
  await client.call('usage/watch', { key: 'containers', cgroups: own, metrics: ['cpu', 'memory'] })
  const all = ['cpu', 'memory', 'io', 'pids', 'detail'] as const
  await client.call('usage/watch', { key: 'panel', cgroups: own.slice(0, 2), metrics: [...all] })
  await client.call('cgroups/follow', { paths: ['/', paths[0]!.slice(0, paths[0]!.lastIndexOf('/'))] })
  await client.call('namespaces/follow', { follow: true })
  await client.call('namespaces/list', {})
}
