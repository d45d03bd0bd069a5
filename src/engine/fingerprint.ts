/** A seed that changes with the order of the examples (FNV-1a, by words). */
export function fingerprint(order: Uint32Array): number {
  let hash = 0x811c9dc5;
  for (const example of order) hash = Math.imul(hash ^ example, 0x01000193);
  return hash;
}
