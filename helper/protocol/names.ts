/** What names look like, without a library: the editor checks what is typed with it. */

/** Of containers, networks and volumes, as Docker has it. */
export const containerName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/
export const nameRule = 'must be letters, digits, _ . or -, at least two, beginning with a letter or digit'
