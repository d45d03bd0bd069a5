/**
 * Bits of our packed code for ascending positions: each gap (position − position before − 1, from −1) in symbols of b
 * bits; the largest symbol value means "2ᵇ − 1 further, no weight yet". The best b of 1…32 is taken; b itself and the
 * number of positions are part of a file's header.
 */
export function gapBits(indices: ArrayLike<number>): number {
  return indices.length === 0 ? 0 : packedGaps(indices).bits;
}

/** The b of `gapBits`: bits of a symbol. The smallest if several are best; there must be a position. */
export function gapWidth(indices: ArrayLike<number>): number {
  return packedGaps(indices).width;
}

function packedGaps(indices: ArrayLike<number>): { bits: number; width: number } {
  const gaps = histogram(indices.length, (i) => {
    const before = i > 0 ? (indices[i - 1] as number) : -1;
    return (indices[i] as number) - before - 1;
  });
  return best(1, (full) => {
    let symbols = indices.length;
    for (const [gap, count] of gaps) symbols += count * Math.floor(gap / full);
    return symbols;
  });
}

/**
 * Bits of positions as the reference toolkit counts them: gaps between neighbouring nonzeros only (so one item fewer
 * than there are nonzeros), ⌊g / (2ᵇ − 1)⌋ + 1 symbols for g ≥ 2ᵇ − 1, best b of 2…32.
 * @see UCMerced-ML/LC-model-compression (BSD-3-Clause)
 */
export function toolkitGapBits(indices: ArrayLike<number>): number {
  if (indices.length < 2) return 0;
  const gaps = histogram(
    indices.length - 1,
    (i) => (indices[i + 1] as number) - (indices[i] as number),
  );
  return best(2, (full) => {
    let symbols = 0;
    for (const [gap, count] of gaps) symbols += count * (Math.floor(gap / full) + 1);
    return symbols;
  }).bits;
}

/** How often each gap occurs: far fewer than there are positions. Nearly all are small, and counted without a map. */
function histogram(length: number, gapOf: (i: number) => number): Map<number, number> {
  const small = new Uint32Array(256);
  const counts = new Map<number, number>();
  for (let i = 0; i < length; i++) {
    const gap = gapOf(i);
    if (gap < small.length) small[gap] = (small[gap] as number) + 1;
    else counts.set(gap, (counts.get(gap) ?? 0) + 1);
  }
  for (const [gap, count] of small.entries()) if (count > 0) counts.set(gap, count);
  return counts;
}

/** Least b · symbols(2ᵇ − 1) over b = `from`…32, and that b. */
function best(from: number, symbols: (full: number) => number): { bits: number; width: number } {
  let least = { bits: Number.POSITIVE_INFINITY, width: from };
  for (let width = from; width <= 32; width++) {
    const bits = width * symbols(0xffffffff >>> (32 - width));
    if (bits < least.bits) least = { bits, width };
  }
  return least;
}
