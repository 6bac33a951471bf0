/** Tells systemd that the helper is ready (sd_notify(3)), when it was asked to. */
import { spawnSync } from 'node:child_process'

/** Node has no datagram sockets of the Unix family: systemd's own program sends the word. */
export function notifyReady(): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return
  spawnSync('systemd-notify', ['--ready', `--pid=${process.pid}`], { stdio: 'ignore' })
}
