/** The version of package.json: one place for it, read by the bundler. */
import manifest from '../package.json' with { type: 'json' }

export const version: string = manifest.version
