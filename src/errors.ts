/** Stable codes of run-time failures. Bad arguments are RangeError or TypeError instead. */
export type LCErrorCode =
  | "LC_NONFINITE"
  | "LC_DIVERGED"
  | "LC_DATA"
  | "LC_DISK"
  | "LC_STATE"
  | "LC_ENGINE"
  | "LC_MEMORY"
  | "LC_FILE";

/** A run-time failure of lclab: `code` is stable and meant for programs, `message` for people. */
export class LCError extends Error {
  readonly code: LCErrorCode;
  constructor(code: LCErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = "LCError";
    this.code = code;
  }
}

/** True if `error` is an LCError, and of the given code if one is given. */
export function isLCError(error: unknown, code?: LCErrorCode): error is LCError {
  return error instanceof LCError && (code === undefined || error.code === code);
}
