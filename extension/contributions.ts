/** Every command, setting and context key of the extension; a test holds this table against package.json. */

export const commands = {
  startHelper: 'bulkhead.startHelper',
  joinGroup: 'bulkhead.joinGroup',
  reopenOnLinux: 'bulkhead.reopenOnLinux',
  showLog: 'bulkhead.showLog',
  focusContainers: 'bulkhead.focusContainers',
  run: 'bulkhead.run',
  runAgain: 'bulkhead.runAgain',
  importArchive: 'bulkhead.importArchive',
  start: 'bulkhead.start',
  stop: 'bulkhead.stop',
  restart: 'bulkhead.restart',
  kill: 'bulkhead.kill',
  pause: 'bulkhead.pause',
  unpause: 'bulkhead.unpause',
  remove: 'bulkhead.remove',
  viewLogs: 'bulkhead.viewLogs',
  attachShell: 'bulkhead.attachShell',
  attach: 'bulkhead.attach',
  editLimits: 'bulkhead.editLimits',
  rename: 'bulkhead.rename',
  groupBy: 'bulkhead.groupBy',
  filter: 'bulkhead.filter',
  clearFilter: 'bulkhead.clearFilter',
  openPort: 'bulkhead.openPort',
  openPortHere: 'bulkhead.openPortHere',
  revealValue: 'bulkhead.revealValue',
  copyValue: 'bulkhead.copyValue',
  createVolume: 'bulkhead.createVolume',
  removeVolume: 'bulkhead.removeVolume',
  createNetwork: 'bulkhead.createNetwork',
  removeNetwork: 'bulkhead.removeNetwork',
  connectNetwork: 'bulkhead.connectNetwork',
  disconnectNetwork: 'bulkhead.disconnectNetwork',
  inspectShared: 'bulkhead.inspectShared',
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
  groupBy: 'bulkhead.containers.groupBy',
  groupByLabel: 'bulkhead.containers.groupByLabel',
} as const

export const views = { containers: 'bulkhead.containers', layers: 'bulkhead.layers' } as const

export const contextKeys = {
  /** A `ConnectionState`: which welcome text the view shows. */
  state: 'bulkhead.state',
  /** The Containers view shows those alone that fit its filter. */
  filtered: 'bulkhead.filtered',
} as const

export const terminalProfiles = { throwAway: 'bulkhead.throwAwayShell' } as const
