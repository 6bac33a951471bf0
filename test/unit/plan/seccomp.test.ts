import assert from 'node:assert/strict'
import { defaultSeccomp } from '../../../helper/plan/seccomp.ts'

const allowed = defaultSeccomp.syscalls
  .filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && args === undefined)
  .flatMap(({ names }) => names)

describe('the default seccomp filter', () => {
  it('names no call twice', () => {
    assert.deepEqual(
      allowed.filter((name, at) => allowed.indexOf(name) !== at),
      [],
    )
  })

  it('allows none of what reaches into the kernel', () => {
    const refused = `mount umount2 move_mount open_tree fsopen fsmount pivot_root unshare setns bpf perf_event_open
      init_module finit_module delete_module kexec_load reboot swapon keyctl add_key request_key open_by_handle_at
      userfaultfd io_uring_setup io_uring_enter quotactl acct settimeofday clock_settime iopl ioperm socketcall socket
      clone3 clone personality`.split(/\s+/)
    assert.deepEqual(
      refused.filter((name) => allowed.includes(name)),
      [],
    )
  })
})
