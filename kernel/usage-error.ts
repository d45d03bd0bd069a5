/** A wrong call of the command line; the message says what to write instead, and is printed alone. */
export class UsageError extends Error {}
