/** Mounts as people write them, known to both sides: `--volume`, `--mount`, `--tmpfs`. What is wrong is said as text. */
import { parseBytes } from './text.ts'
import type { MountRequest, Propagation } from './volumeSchemas.ts'

const propagations: readonly string[] = ['rprivate', 'private', 'rslave', 'slave', 'rshared', 'shared']

/** A mount, or why the text is none. */
export type Parsed = MountRequest | string

/** `[SOURCE:]TARGET[:OPTIONS]`. `absolute`: makes a path of the caller's absolute. */
export function parseVolume(text: string, absolute: (path: string) => string): Parsed {
  const parts = text.split(':')
  if (parts.length > 3 || parts.some((part) => part === '')) return 'must be [SOURCE:]TARGET[:OPTIONS]'
  const [source, target, options = ''] = parts.length === 1 ? [undefined, parts[0]!] : [parts[0]!, parts[1]!, parts[2]]
  let readOnly = false
  let noCopy = false
  let propagation: Propagation = 'rprivate'
  for (const option of options.split(',').filter(Boolean))
    if (option === 'ro') readOnly = true
    else if (option === 'nocopy') noCopy = true
    else if (propagations.includes(option)) propagation = option as Propagation
    else if (!['rw', 'z', 'Z', 'cached', 'delegated', 'consistent'].includes(option)) return `has no option ${option}`
  if (source === undefined) return { type: 'volume', target, readOnly, noCopy }
  if (!/^[./~]/.test(source)) return { type: 'volume', name: source, target, readOnly, noCopy }
  return { type: 'bind', source: absolute(source), target, readOnly, propagation, create: true }
}

/** `type=bind,source=…,target=…,readonly` and so on. */
export function parseMount(text: string, absolute: (path: string) => string): Parsed {
  const values = new Map(
    text.split(',').map((part) => {
      const [key = '', ...value] = part.split('=')
      return [key.trim().toLowerCase(), value.join('=')]
    }),
  )
  const take = (...keys: string[]): string | undefined => {
    const key = keys.find((one) => values.has(one))
    const value = key === undefined ? undefined : values.get(key)
    for (const one of keys) values.delete(one)
    return value
  }
  const flag = (...keys: string[]): boolean => {
    const value = take(...keys)
    return value !== undefined && value !== 'false' && value !== '0'
  }
  const type = take('type') ?? 'volume'
  const source = take('source', 'src')
  const target = take('target', 'dst', 'destination')
  const readOnly = flag('readonly', 'ro')
  const [noCopy, propagation, size, mode] = [
    flag('volume-nocopy'),
    take('bind-propagation'),
    take('tmpfs-size'),
    take('tmpfs-mode'),
  ]
  const [unknown] = values.keys()
  if (unknown !== undefined) return `has no key ${unknown}`
  if (target === undefined || target === '') return 'needs a target'
  switch (type) {
    case 'volume':
      return { type, ...(source && { name: source }), target, readOnly, noCopy }
    case 'bind':
      if (source === undefined) return 'needs a source'
      if (propagation !== undefined && !propagations.includes(propagation)) return `has no propagation ${propagation}`
      return {
        ...{ type, source: absolute(source), target, readOnly, create: false },
        propagation: (propagation ?? 'rprivate') as Propagation,
      }
    case 'tmpfs':
      return tmpfs(target, { size, mode, readOnly, exec: false })
    default:
      return `has no type ${type}: it is volume, bind or tmpfs`
  }
}

/** `TARGET[:OPTIONS]`. */
export function parseTmpfs(text: string): Parsed {
  const [target = '', options = ''] = text.split(/:(.*)/s)
  const values = new Map<string, string | undefined>()
  for (const part of options.split(',').filter(Boolean)) {
    const [key = '', value] = part.split('=', 2)
    values.set(key, value)
  }
  const unknown = [...values.keys()].find(
    (key) => !['size', 'mode', 'ro', 'rw', 'exec', 'noexec', 'nosuid', 'nodev'].includes(key),
  )
  if (unknown !== undefined) return `has no option ${unknown}`
  const readOnly = values.has('ro')
  return tmpfs(target, { size: values.get('size'), mode: values.get('mode'), readOnly, exec: values.has('exec') })
}

function tmpfs(
  target: string,
  {
    size,
    mode,
    readOnly,
    exec,
  }: { size?: string | undefined; mode?: string | undefined; readOnly: boolean; exec: boolean },
): Parsed {
  const bytes = size === undefined ? undefined : parseBytes(size)
  if (size !== undefined && bytes === undefined) return `has no size ${size}`
  if (mode !== undefined && !/^[0-7]{1,4}$/.test(mode)) return `has no mode ${mode}`
  return {
    ...{ type: 'tmpfs', target, readOnly, exec, mode: mode === undefined ? 0o1777 : Number.parseInt(mode, 8) },
    ...(bytes !== undefined && { size: bytes }),
  }
}
