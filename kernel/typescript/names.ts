/** Name under which the runtime's helpers reach a cell. Fixed and read-only in the user process. */
export const helpers = "__lclab__";
