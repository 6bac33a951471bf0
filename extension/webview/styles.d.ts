/** Bundled into a style sheet beside the page's script. */
declare module '*.css'
