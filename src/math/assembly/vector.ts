/**
 * Work on rows of numbers. Counts are of elements; `count` is a multiple of 4 unless said otherwise.
 */

/** out = α x + β y + γ w. */
// @ts-ignore: decorator
@inline
export function combineOf<T>(
  out: usize, x: usize, alpha: T, y: usize, beta: T, w: usize, gamma: T, count: usize,
): void {
  const a = v128.splat<T>(alpha);
  const b = v128.splat<T>(beta);
  const c = v128.splat<T>(gamma);
  const bytes = count * sizeof<T>();
  for (let i: usize = 0; i < bytes; i += 16) {
    const xy = v128.add<T>(
      v128.mul<T>(a, v128.load(x + i)), v128.mul<T>(b, v128.load(y + i)),
    );
    v128.store(out + i, v128.add<T>(xy, v128.mul<T>(c, v128.load(w + i))));
  }
}

/** Each of `rows` rows of x times w, to out; all of `stride` numbers. */
export function scaleColumns(out: usize, x: usize, stride: usize, rows: usize, w: usize): void {
  const bytes = stride * 8;
  for (const end = x + rows * bytes; x < end; x += bytes, out += bytes) {
    for (let j: usize = 0; j < bytes; j += 16) {
      v128.store(out + j, f64x2.mul(v128.load(x + j), v128.load(w + j)));
    }
  }
}

/**
 * Float64 to float32; `count` is a multiple of 8. What is below 1e-30 becomes 0: single precision would slow down on its
 * denormals.
 * @returns Σ xᵢ² of the float64 numbers.
 */
export function demote(from: usize, to: usize, count: usize): f64 {
  let s = f64x2.splat(0);
  let t = s, u = s, v = s;
  for (const end = from + count * 8; from < end; from += 64, to += 32) {
    const a = v128.load(from), b = v128.load(from, 16);
    const c = v128.load(from, 32), d = v128.load(from, 48);
    s = f64x2.add(s, f64x2.mul(a, a));
    t = f64x2.add(t, f64x2.mul(b, b));
    u = f64x2.add(u, f64x2.mul(c, c));
    v = f64x2.add(v, f64x2.mul(d, d));
    v128.store(to, singlesOf(a, b));
    v128.store(to, singlesOf(c, d), 16);
  }
  s = f64x2.add(f64x2.add(s, u), f64x2.add(t, v));
  return f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
}

// @ts-ignore: decorator
@inline
function singlesOf(a: v128, b: v128): v128 {
  const all = v128.shuffle<f64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2);
  return v128.and(all, f32x4.ge(f32x4.abs(all), f32x4.splat(1e-30)));
}

/** Float32 to float64. */
export function promote(from: usize, to: usize, count: usize): void {
  for (const end = from + count * 4; from < end; from += 16, to += 32) {
    const all = v128.load(from);
    v128.store(to, f64x2.promote_low_f32x4(all));
    v128.store(to, f64x2.promote_low_f32x4(v128.shuffle<f64>(all, all, 1, 0)), 16);
  }
}

/** Σ xᵢ², `count` being a multiple of 8. */
export function squares(x: usize, count: usize): f64 {
  return dot(x, x, count * 8);
}

/** Σ xᵢ yᵢ over `bytes` of float64, a multiple of 64. */
// @ts-ignore: decorator
@inline
export function dot(x: usize, y: usize, bytes: usize): f64 {
  let s = f64x2.splat(0);
  let t = s, u = s, v = s;
  for (const end = x + bytes; x < end; x += 64, y += 64) {
    s = f64x2.add(s, f64x2.mul(v128.load(x), v128.load(y)));
    t = f64x2.add(t, f64x2.mul(v128.load(x, 16), v128.load(y, 16)));
    u = f64x2.add(u, f64x2.mul(v128.load(x, 32), v128.load(y, 32)));
    v = f64x2.add(v, f64x2.mul(v128.load(x, 48), v128.load(y, 48)));
  }
  s = f64x2.add(f64x2.add(s, u), f64x2.add(t, v));
  return f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
}

/** y += scale · x over `bytes` of float64, a multiple of 16. */
// @ts-ignore: decorator
@inline
export function addScaled(y: usize, x: usize, scale: f64, bytes: usize): void {
  const s = f64x2.splat(scale);
  for (const end = y + bytes; y < end; x += 16, y += 16) {
    v128.store(y, f64x2.add(v128.load(y), f64x2.mul(s, v128.load(x))));
  }
}

/**
 * Gram–Schmidt on rows from…rows−1 of x, those before being orthonormal already. A row that has lost more than half of its
 * squared norm goes through it twice (Daniel, Gragg, Kaufman & Stewart 1976, doi:10.1090/S0025-5718-1976-0431641-8).
 * @returns The first row of which nothing but rounding was left, for the caller to replace; `rows` when there is none.
 */
export function orthonormalise(
  x: usize, stride: usize, from: usize, rows: usize, length: usize,
): usize {
  const bytes = (length * 8 + 63) & ~63;
  stride *= 8;
  for (let row = from; row < rows; row++) {
    const xi = x + row * stride;
    const before = dot(xi, xi, bytes);
    let after = before;
    for (let turn = 0; turn < 2; turn++) {
      for (let xj = x; xj < xi; xj += stride) addScaled(xi, xj, -dot(xi, xj, bytes), bytes);
      after = dot(xi, xi, bytes);
      if (after > 0.5 * before) break;
    }
    if (!(after > 1e-24 * before)) return row;
    const scale = 1 / sqrt(after);
    for (let at = xi; at < xi + bytes; at += 8) store<f64>(at, load<f64>(at) * scale);
  }
  return rows;
}
