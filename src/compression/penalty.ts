/** α of a penalty. @throws RangeError, as `who`, if it is not a number above 0. */
export function alphaOf(who: string, { alpha }: { readonly alpha: number }): number {
  if (alpha > 0 && alpha < Number.POSITIVE_INFINITY) return alpha;
  throw new RangeError(`${who}: alpha must be a number above 0, got ${alpha}.`);
}
