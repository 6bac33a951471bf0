import assert from 'node:assert/strict'
import { makeSpecification } from '../../../helper/containers/specification.ts'
import { runtimeMounts } from '../../../helper/containers/mounts.ts'
import type { HostFacts } from '../../../helper/host/facts.ts'
import { describe as describeOperation } from '../../../helper/plan/describe.ts'
import { makePlan, type Placement } from '../../../helper/plan/plan.ts'
import type { RuntimeMount } from '../../../helper/plan/runtimeSpec.ts'
import { runRequest } from '../../../helper/protocol/schemas.ts'
import { golden } from '../../support/golden.ts'

const facts: HostFacts = {
  kernel: '6.18.0',
  timeNamespace: true,
  detachedLayers: true,
  idmappedTmpfs: true,
  nofile: 20_000,
  has: (path) => path !== '/proc/acpi',
  thermalPaths: ['/sys/devices/system/cpu/cpu0/thermal_throttle'],
}

const placement: Placement = {
  cgroup: [
    { operation: 'create cgroup', directory: '/sys/fs/cgroup/pids/bulkhead/x', unified: 0 },
    { operation: 'set cgroup limit', file: 'pids.max', value: '2048' },
  ],
  entersCgroup: true,
  layers: [
    { directory: '/run/bulkhead/privacy', idmapped: true },
    { directory: '/', idmapped: true },
  ],
  upper: '/c/upper',
  work: '/c/work',
  isVolatile: true,
  scratch: undefined,
  files: [{ target: '/etc/hostname', content: 'box\n', mode: 0o644 }],
  seccompProgram: new Uint8Array(16),
  socket: 'x.sock',
  log: { maxBytes: 1000, maxFiles: 2 },
  attached: false,
  openStdin: false,
  recordOpens: false,
  links: [],
  joinNetwork: undefined,
  callerGroups: [],
  createdSources: new Set(),
}

function planOf(request: object, changes: Partial<Placement> = {}, mounts: readonly RuntimeMount[] = []): string {
  const checked = runRequest.parse({ image: 'host', command: ['/bin/true'], hostname: 'box', ...request })
  const spec = makeSpecification({
    id: 'f'.repeat(64),
    request: checked,
    config: {},
    facts,
    cgroups: 'v1',
    cgroupsPath: '/bulkhead/x',
    mounts,
    joined: 7,
    firstId: checked.userns === 'host' ? undefined : 1_879_048_192,
  })
  return makePlan(spec, { ...placement, ...changes })
    .map((operation) => `${operation.operation} ${describeOperation(operation)}`.trimEnd())
    .join('\n')
}

describe('a plan', () => {
  it('reads like a page for an ordinary container', () => golden('plan', planOf({})))

  it('mounts and connects: sources by the watcher, places by the container, the link last', () => {
    const mounts = runtimeMounts(
      [
        {
          type: 'volume',
          name: 'data',
          source: '/v/data',
          target: '/data',
          readOnly: true,
          create: false,
          exec: false,
        },
        { type: 'bind', source: '/home/u', target: '/src', readOnly: false, create: true, exec: false },
        { type: 'tmpfs', source: '', target: '/scratch', readOnly: false, create: false, exec: false, size: 4096 },
      ],
      { uid: 1000, gid: 100, groups: [] },
      1_879_048_192,
    )
    const link = { bridge: 'bh-0', link: 'bv0', name: 'eth0', mac: '02:42:0a:d0:00:02' }
    const links = [{ ...link, addresses: ['10.208.0.2/20'], gateways: ['10.208.0.1'] }]
    const changes = { links, callerGroups: [4, 27], createdSources: new Set(['/home/u']) }
    golden('plan-connected', planOf({ init: true }, changes, mounts))
  })

  it('joins the network namespace of another container before it makes its own', () => {
    const plan = planOf({ network: 'container:other' }, { joinNetwork: { pid: 7, cgroup: 'other' } })
    assert.match(plan, /\njoin network of process 7\nnew namespaces time, mount, uts, ipc, user, pid\n/)
    assert.doesNotMatch(plan, /set sysctl|set loopback up/)
  })

  it('gives a terminal, a read-only root and a user when asked', () => {
    const plan = planOf({ tty: true, readOnly: true, user: 'alice:team', rows: 50, columns: 132 })
    assert.match(plan, /\nopen terminal 132 × 50\npivot root\nset root attributes read-only\n/)
    assert.match(plan, /\nset user alice:team\n/)
  })

  it('takes the host’s network without a namespace of its own, and binds its sysfs', () => {
    const plan = planOf({ network: 'host' })
    assert.doesNotMatch(plan, /set loopback up|network|mount sysfs/)
    assert.match(plan, /\nbind \/sys on \/sys\n/)
  })

  it('maps no ids for the host’s user namespace', () => {
    const plan = planOf({ userns: 'host' })
    assert.match(plan, /\nmap ids the host’s own ids\n/)
    assert.doesNotMatch(plan, /new namespaces .*user/)
  })

  it('attaches layers in a mount namespace of the watcher before Linux 6.15', () => {
    const plan = planOf({}, { scratch: '/run/bulkhead/layers' })
    assert.match(plan, /new mount namespace for layers \/run\/bulkhead\/layers\nnew namespaces/)
  })

  it('drops privileges before it runs the command, and in the order that the kernel demands', () => {
    const plan = planOf({})
    const order = [
      'limit capabilities',
      'set user',
      'set capabilities',
      'set no_new_privs',
      'install seccomp filter',
      'exec',
    ]
    const places = order.map((operation) => plan.indexOf(`\n${operation}`))
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    )
    assert.ok(places.every((place) => place > plan.indexOf('\npivot root')))
  })
})
