/**
 * Bits of our packed code for ascending positions: each gap (position − position before − 1, from −1) in symbols of b
 * bits; the largest symbol value means "2ᵇ − 1 further, no weight yet". The best b of 1…32 is taken; b itself and the
 * number of positions are part of a file's header.
 */
export function gapBits(indices: ArrayLike<number>): number {
  let best = indices.length === 0 ? 0 : Number.POSITIVE_INFINITY;
  for (let b = 1; b <= 32 && indices.length > 0; b++) {
    const full = 0xffffffff >>> (32 - b);
    let symbols = indices.length;
    for (let i = 0, before = -1; i < indices.length; i++) {
      const position = indices[i] as number;
      symbols += Math.floor((position - before - 1) / full);
      before = position;
    }
    best = Math.min(best, b * symbols);
  }
  return best;
}

/**
 * Bits of positions as the reference toolkit counts them: gaps between neighbouring nonzeros only (so one item fewer
 * than there are nonzeros), ⌊g / (2ᵇ − 1)⌋ + 1 symbols for g ≥ 2ᵇ − 1, best b of 2…32.
 * @see UCMerced-ML/LC-model-compression (BSD-3-Clause)
 */
export function toolkitGapBits(indices: ArrayLike<number>): number {
  let best = indices.length < 2 ? 0 : Number.POSITIVE_INFINITY;
  for (let b = 2; b <= 32 && indices.length > 1; b++) {
    const full = 0xffffffff >>> (32 - b);
    let symbols = 0;
    for (let i = 1; i < indices.length; i++) {
      const gap = (indices[i] as number) - (indices[i - 1] as number);
      symbols += Math.floor(gap / full) + 1;
    }
    best = Math.min(best, b * symbols);
  }
  return best;
}
