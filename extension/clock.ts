/** When the extension began to load: imported before everything else. */
export const loadedAt = performance.now()
