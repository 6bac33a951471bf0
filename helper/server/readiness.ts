/** Tells systemd that the helper is ready (sd_notify(3)), when it was asked to. */
import type { Native } from '../host/native.ts'

export function notifyReady(native: Native): void {
  const socket = process.env['NOTIFY_SOCKET']
  if (socket !== undefined && socket !== '') native.addon.notify(socket, `READY=1\nMAINPID=${process.pid}`)
}
