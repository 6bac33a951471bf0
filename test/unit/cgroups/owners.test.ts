import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownerOfPath, Owners } from '../../../helper/cgroups/owners.ts'
import { cgroupPathIn } from '../../../helper/namespaces/namespaces.ts'

const id = '0123456789abcdef'.repeat(4)
const short = id.slice(0, 12)

describe('the owner of a cgroup', () => {
  for (const [path, kind, name] of [
    [`/docker/${id}`, 'docker', short],
    [`/docker/buildx/${id}`, 'docker', short],
    [`/system.slice/docker-${id}.scope`, 'docker', short],
    [`/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope`, 'podman', short],
    [`/machine.slice/libpod-${id}.scope`, 'podman', short],
    [`/machine.slice/libpod-conmon-${id}.scope`, 'podman', short],
    [`/libpod_parent/libpod-${id}`, 'podman', short],
    [`/kubepods/burstable/pod8a3e/${id}`, 'kubernetes', short],
    [`/kubepods.slice/kubepods-pod8a3e.slice/cri-containerd-${id}.scope`, 'kubernetes', short],
    [`/kubepods.slice/kubepods-besteffort.slice/crio-${id}.scope`, 'cri-o', short],
    [`/system.slice/nerdctl-${id}.scope`, 'containerd', short],
    [`/default/${id}`, 'containerd', short],
    ['/lxc.payload.web', 'lxc', 'web'],
    ['/lxc/web', 'lxc', 'web'],
    ['/machine.slice/machine-my\\x2dbox.scope', 'nspawn', 'my-box'],
    ['/system.slice/ssh.service', 'service', 'ssh.service'],
    ['/user.slice/user-1000.slice/session-2.scope', 'scope', 'session-2.scope'],
    [
      '/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox-1234.scope',
      'scope',
      'app-firefox-1234.scope',
    ],
    ['/system.slice', 'slice', 'system.slice'],
  ] as const)
    it(`is ${kind} ${name} for ${path.replaceAll(id, 'ID')}`, () => {
      const owner = ownerOfPath(path)
      assert.deepEqual([owner?.kind, owner?.name], [kind, name])
    })

  it('is nobody for a name that means nothing', () => {
    for (const path of ['/', '/work', '/docker', `/docker/${id}/inner`, '/x.servicefile'])
      assert.equal(ownerOfPath(path), null)
  })

  it('has the name that its engine wrote down, and the id where that cannot be read', () => {
    const directory = mkdtempSync('/tmp/owners-')
    const state = {
      docker: directory,
      podman: join(directory, 'podman.json'),
      containerd: join(directory, 'tasks'),
      runc: join(directory, 'runc'),
    }
    mkdirSync(join(directory, id))
    writeFileSync(join(directory, id, 'config.v2.json'), JSON.stringify({ Name: '/web' }))
    writeFileSync(state.podman, JSON.stringify([{ id, names: ['pod'] }]))
    mkdirSync(join(state.containerd, 'k8s.io', id), { recursive: true })
    const annotations = { 'io.kubernetes.cri.sandbox-name': 'shop', 'io.kubernetes.cri.container-name': 'db' }
    writeFileSync(join(state.containerd, 'k8s.io', id, 'config.json'), JSON.stringify({ annotations }))
    for (const [job, cgroup_paths] of [
      ['job', { memory: '/sys/fs/cgroup/memory/jobs/one' }],
      ['job2', { '': '/sys/fs/cgroup/jobs/two' }],
      ['odd', { '': 7, memory: '/elsewhere' }],
    ] as const) {
      mkdirSync(join(state.runc, job), { recursive: true })
      writeFileSync(join(state.runc, job, 'state.json'), JSON.stringify({ cgroup_paths }))
    }
    const owners = new Owners(
      (path) => (path === '/ours/x' ? { kind: 'bulkhead', name: 'mine', id: 'x' } : undefined),
      state,
    )
    const name = (path: string) => owners.of(path)?.name
    assert.equal(name(`/docker/${id}`), 'web')
    assert.equal(name(`/machine.slice/libpod-${id}.scope`), 'pod')
    assert.equal(name(`/kubepods/podx/${id}`), 'shop/db')
    assert.equal(name('/jobs/one'), 'job')
    assert.equal(name('/jobs/two'), 'job2')
    assert.equal(name('/memory/jobs/one'), undefined)
    assert.equal(name(`/docker/${id.replace('0', 'f')}`), id.replace('0', 'f').slice(0, 12))
    assert.equal(name('/ours/x'), 'mine')
    writeFileSync(state.podman, '{ not json')
    assert.equal(name(`/libpod_parent/${id}`), short)
    // A process below a container belongs to it, not to the slice above.
    assert.equal(owners.ofProcess(`/system.slice/docker-${id}.scope/init`)?.kind, 'docker')
    assert.equal(owners.ofProcess('/system.slice/cron.service')?.name, 'cron.service')
    assert.equal(owners.ofProcess('/'), null)
    rmSync(directory, { recursive: true })
  })

  it('is asked of the line of /proc/PID/cgroup that says most', () => {
    assert.equal(cgroupPathIn('0::/system.slice/a.service\n'), '/system.slice/a.service')
    assert.equal(cgroupPathIn('3:memory:/x\n1:name=systemd:/\n0::/\n'), '/x')
    assert.equal(cgroupPathIn('3:memory:/x\n1:name=systemd:/user.slice\n0::/\n'), '/user.slice')
    assert.equal(cgroupPathIn('0::/with:colon\n'), '/with:colon')
    assert.equal(cgroupPathIn('0::/\n'), '/')
  })
})
