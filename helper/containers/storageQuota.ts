/** How much a container may write to its root file system. */
import { randomInt } from 'node:crypto'
import type { Native } from '../host/native.ts'
import { isErrno } from '../host/errno.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { ContainerFolder } from './record.ts'

/** Projects of ours begin here; those below may be an administrator's. */
const firstProject = 0x4200_0000

/** @throws BulkheadError Unsupported where the file system keeps no project quotas */
export function limitStorage(native: Native, folder: ContainerFolder, bytes: number): void {
  try {
    const project = firstProject + randomInt(0x00ff_ffff)
    native.addon.setProjectQuota([folder.upper, folder.work], project, bytes)
  } catch (error) {
    if (!isErrno(error, 'ESRCH', 'EOPNOTSUPP', 'ENOTTY', 'ENOSYS', 'EINVAL')) throw error
    throw new BulkheadError(
      'Unsupported',
      'a limit of storage needs project quotas, which the file system of the state folder does not keep',
      {
        hint: 'On ext4: tune2fs -O project,quota DEVICE, then mount with the option prjquota; on xfs: mount with prjquota. Or run it without --storage-opt.',
        cause: error,
      },
    )
  }
}
