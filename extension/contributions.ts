/** Every command, setting and context key of the extension; a test holds this table against package.json. */

export const commands = {
  startHelper: 'bulkhead.startHelper',
  joinGroup: 'bulkhead.joinGroup',
  reopenOnLinux: 'bulkhead.reopenOnLinux',
  showLog: 'bulkhead.showLog',
  focusContainers: 'bulkhead.focusContainers',
  run: 'bulkhead.run',
  importArchive: 'bulkhead.importArchive',
  start: 'bulkhead.start',
  stop: 'bulkhead.stop',
  kill: 'bulkhead.kill',
  pause: 'bulkhead.pause',
  unpause: 'bulkhead.unpause',
  remove: 'bulkhead.remove',
  viewLogs: 'bulkhead.viewLogs',
  attachShell: 'bulkhead.attachShell',
  inspect: 'bulkhead.inspect',
  copyId: 'bulkhead.copyId',
  showStartTrace: 'bulkhead.showStartTrace',
  pull: 'bulkhead.pull',
  push: 'bulkhead.push',
  tag: 'bulkhead.tag',
  removeImage: 'bulkhead.removeImage',
  saveImages: 'bulkhead.saveImages',
  loadImages: 'bulkhead.loadImages',
  commit: 'bulkhead.commit',
  exportContainer: 'bulkhead.exportContainer',
  prune: 'bulkhead.prune',
  minimize: 'bulkhead.minimize',
  squash: 'bulkhead.squash',
  compareImages: 'bulkhead.compareImages',
  showSharing: 'bulkhead.showSharing',
  showWasted: 'bulkhead.showWasted',
  searchLayer: 'bulkhead.searchLayer',
  openFile: 'bulkhead.openFile',
  openPlain: 'bulkhead.openPlain',
  saveFile: 'bulkhead.saveFile',
  copyInto: 'bulkhead.copyInto',
  inspectImage: 'bulkhead.inspectImage',
  copyImageId: 'bulkhead.copyImageId',
} as const
export type CommandId = (typeof commands)[keyof typeof commands]

export const settings = {
  /** `unix:///path` of the helper's socket. */
  host: 'bulkhead.host',
  /** The `bulkhead` that Start Helper runs; empty for the one in the extension. */
  helperPath: 'bulkhead.helper.path',
  helperArguments: 'bulkhead.helper.arguments',
} as const

export const views = { containers: 'bulkhead.containers', layers: 'bulkhead.layers' } as const

export const contextKeys = {
  /** A `ConnectionState`: which welcome text the view shows. */
  state: 'bulkhead.state',
} as const
