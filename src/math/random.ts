/**
 * The only randomness of lclab: xoshiro128** (Blackman & Vigna, 2018, public domain algorithm), seeded through
 * splitmix32. Integer arithmetic only, so the same seed gives the same numbers on every machine.
 */
export interface Random {
  /** Uniform in 0…2³²−1. */
  uint32(): number;
  /** Uniform in [0, 1), a multiple of 2⁻³². */
  uniform(): number;
  /** Uniform whole number in 0…n−1, without bias. */
  below(n: number): number;
}

/** Generator for `seed` and any number of `stream` numbers; different streams are independent. */
export function random(seed: number, ...stream: number[]): Random {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(
      `random: seed must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, got ${seed}.`,
    );
  }
  let z = 0x9e3779b9;
  const mix = (): number => {
    z = (z + 0x9e3779b9) | 0;
    let t = z ^ (z >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
  for (const part of [seed % 2 ** 32, Math.floor(seed / 2 ** 32), ...stream]) {
    z = (z ^ part) | 0;
    z = mix() | 0;
  }
  let [a, b, c, d] = [mix(), mix(), mix(), mix()];
  const uint32 = (): number => {
    const m = Math.imul(b, 5);
    const result = Math.imul((m << 7) | (m >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  return {
    uint32,
    uniform: () => uint32() / 2 ** 32,
    below(n) {
      const limit = 2 ** 32 - (2 ** 32 % n);
      let x = uint32();
      while (x >= limit) x = uint32();
      return x % n;
    },
  };
}

/** A permutation of 0…n−1 (Fisher–Yates). */
export function permutation(n: number, rng: Random): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    const t = order[i] as number;
    order[i] = order[j] as number;
    order[j] = t;
  }
  return order;
}
