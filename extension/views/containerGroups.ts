/** How the Containers view is put in order: groups, and the filter of its box. */
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'

export const groupings = ['none', 'project', 'image', 'status', 'label'] as const
export type Grouping = (typeof groupings)[number]

/** Labels that Compose gives its containers. */
export const composeProject = 'com.docker.compose.project'
export const composeService = 'com.docker.compose.service'

/** The group that a container belongs to; undefined for one that stands alone. */
export function groupOf(container: ContainerSummary, by: Grouping, label: string): string | undefined {
  switch (by) {
    case 'none':
      return undefined
    case 'project':
      return container.labels[composeProject]
    case 'image':
      return container.image
    case 'status':
      return container.state
    case 'label':
      return container.labels[label]
  }
}

/** Groups in order of their names, then those that stand alone; the order within stays. */
export function grouped(
  containers: readonly ContainerSummary[],
  by: Grouping,
  label: string,
): { groups: Map<string, ContainerSummary[]>; alone: ContainerSummary[] } {
  const groups = new Map<string, ContainerSummary[]>()
  const alone: ContainerSummary[] = []
  for (const container of containers) {
    const name = groupOf(container, by, label)
    if (name === undefined) alone.push(container)
    else groups.set(name, [...(groups.get(name) ?? []), container])
  }
  return { groups: new Map([...groups].sort(([a], [b]) => a.localeCompare(b))), alone }
}

/** Every word of the filter is in its name, image, id, state, command, ports, network or labels. */
export function fitsFilter(container: ContainerSummary, filter: string): boolean {
  const { name, image, id, state, command, ports, network, labels } = container
  const text = [
    ...[name, image, id, state, network, ...command],
    ...ports.map(({ hostPort, containerPort }) => `${hostPort}:${containerPort}`),
    ...Object.entries(labels).map(([key, value]) => `${key}=${value}`),
  ]
    .join('\n')
    .toLowerCase()
  return filter
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .every((word) => text.includes(word))
}
