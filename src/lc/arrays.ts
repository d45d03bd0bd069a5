/** Parameter arrays by key; the helpers below never write to what they are given. */
export type Arrays = Record<string, Float32Array>;

export function mapArrays(
  arrays: Readonly<Arrays>,
  map: (key: string, data: Float32Array) => Float32Array,
): Arrays {
  return Object.fromEntries(Object.entries(arrays).map(([key, data]) => [key, map(key, data)]));
}

export function copies(arrays: Readonly<Arrays>): Arrays {
  return mapArrays(arrays, (_key, data) => data.slice());
}

export function zeros(arrays: Readonly<Arrays>): Arrays {
  return mapArrays(arrays, (_key, data) => new Float32Array(data.length));
}

export function pick(arrays: Readonly<Arrays>, keys: readonly string[]): Arrays {
  return Object.fromEntries(keys.map((key) => [key, arrays[key] as Float32Array]));
}

export function omit(arrays: Readonly<Arrays>, keys: readonly string[]): Arrays {
  return Object.fromEntries(Object.entries(arrays).filter(([key]) => !keys.includes(key)));
}

/** ‖a‖² and ‖a − b‖² over all arrays of `b`, each term times its `importance` (1 where that is missing). */
export function distances(
  a: Readonly<Arrays>,
  b: Readonly<Arrays>,
  importance: Readonly<Arrays> = {},
): { norm: number; gap: number } {
  let [norm, gap] = [0, 0];
  for (const [key, target] of Object.entries(b)) {
    const source = a[key] as Float32Array;
    const weights = importance[key];
    for (let i = 0; i < target.length; i++) {
      const x = source[i] as number;
      const d = x - (target[i] as number);
      const h = weights ? (weights[i] as number) : 1;
      norm += h * x * x;
      gap += h * d * d;
    }
  }
  return { norm, gap };
}
