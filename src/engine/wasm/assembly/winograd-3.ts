/**
 * Transforms of Winograd's F(2 × 2, 3 × 3), four channels or filters at a time. Tiles are 4 × 4; the points of the line are 0, 1,
 * −1, ∞:
 *
 *     Bᵀ = 1  0 −1  0     G = 1   0   0     Aᵀ = 1 1  1  0     G' = 1   0     A'ᵀ = 1 1  1  0
 *          0  1  1  0         ½   ½   ½          0 1 −1 −1          ½   ½           0 1 −1  0
 *          0 −1  1  0         ½  −½   ½                             ½  −½           0 1  1 −1
 *          0  1  0 −1         0   0   1                             0   1
 */

/** G g Gᵀ of a filter whose taps are `tap` bytes apart, to points `point` apart. */
export function weights3(g: usize, tap: usize, to: usize, point: usize): void {
  const g1 = g + 3 * tap, g2 = g + 6 * tap;
  weightRow(v128.load(g), v128.load(g + tap), v128.load(g + 2 * tap), to, point);
  weightRow(v128.load(g2), v128.load(g2 + tap), v128.load(g2 + 2 * tap), to + 12 * point, point);
  const half = f32x4.splat(0.5);
  const a = f32x4.mul(half, f32x4.add(v128.load(g), v128.load(g2)));
  const b = f32x4.mul(half, f32x4.add(v128.load(g + tap), v128.load(g2 + tap)));
  const c = f32x4.mul(half, f32x4.add(v128.load(g + 2 * tap), v128.load(g2 + 2 * tap)));
  const d = f32x4.mul(half, v128.load(g1)), e = f32x4.mul(half, v128.load(g1 + tap));
  const f = f32x4.mul(half, v128.load(g1 + 2 * tap));
  weightRow(f32x4.add(a, d), f32x4.add(b, e), f32x4.add(c, f), to + 4 * point, point);
  weightRow(f32x4.sub(a, d), f32x4.sub(b, e), f32x4.sub(c, f), to + 8 * point, point);
}

// @ts-ignore: decorator
@inline
function weightRow(a: v128, b: v128, c: v128, to: usize, point: usize): void {
  const half = f32x4.splat(0.5);
  const ends = f32x4.mul(half, f32x4.add(a, c)), middle = f32x4.mul(half, b);
  v128.store(to, a);
  v128.store(to + point, f32x4.add(ends, middle));
  v128.store(to + 2 * point, f32x4.sub(ends, middle));
  v128.store(to + 3 * point, c);
}

/** Bᵀ d B, d being `at` bytes after the 16 addresses in `table`. */
// @ts-ignore: decorator
@inline
export function input3(table: usize, at: usize, to: usize, point: usize): void {
  let a = v128.load(<usize>load<u32>(table) + at), b = v128.load(<usize>load<u32>(table, 16) + at);
  let c = v128.load(<usize>load<u32>(table, 32) + at), d = v128.load(<usize>load<u32>(table, 48) + at);
  const t00 = f32x4.sub(a, c), t10 = f32x4.add(b, c), t20 = f32x4.sub(c, b), t30 = f32x4.sub(b, d);
  a = v128.load(<usize>load<u32>(table, 8) + at);
  b = v128.load(<usize>load<u32>(table, 24) + at);
  c = v128.load(<usize>load<u32>(table, 40) + at);
  d = v128.load(<usize>load<u32>(table, 56) + at);
  const t02 = f32x4.sub(a, c), t12 = f32x4.add(b, c), t22 = f32x4.sub(c, b), t32 = f32x4.sub(b, d);
  v128.store(to, f32x4.sub(t00, t02));
  v128.store(to + 4 * point, f32x4.sub(t10, t12));
  v128.store(to + 8 * point, f32x4.sub(t20, t22));
  v128.store(to + 12 * point, f32x4.sub(t30, t32));
  a = v128.load(<usize>load<u32>(table, 4) + at);
  b = v128.load(<usize>load<u32>(table, 20) + at);
  c = v128.load(<usize>load<u32>(table, 36) + at);
  d = v128.load(<usize>load<u32>(table, 52) + at);
  const t01 = f32x4.sub(a, c), t11 = f32x4.add(b, c), t21 = f32x4.sub(c, b), t31 = f32x4.sub(b, d);
  to += point;
  v128.store(to, f32x4.add(t01, t02));
  v128.store(to + 4 * point, f32x4.add(t11, t12));
  v128.store(to + 8 * point, f32x4.add(t21, t22));
  v128.store(to + 12 * point, f32x4.add(t31, t32));
  to += point;
  v128.store(to, f32x4.sub(t02, t01));
  v128.store(to + 4 * point, f32x4.sub(t12, t11));
  v128.store(to + 8 * point, f32x4.sub(t22, t21));
  v128.store(to + 12 * point, f32x4.sub(t32, t31));
  a = v128.load(<usize>load<u32>(table, 12) + at);
  b = v128.load(<usize>load<u32>(table, 28) + at);
  c = v128.load(<usize>load<u32>(table, 44) + at);
  d = v128.load(<usize>load<u32>(table, 60) + at);
  to += point;
  v128.store(to, f32x4.sub(t01, f32x4.sub(a, c)));
  v128.store(to + 4 * point, f32x4.sub(t11, f32x4.add(b, c)));
  v128.store(to + 8 * point, f32x4.sub(t21, f32x4.sub(c, b)));
  v128.store(to + 12 * point, f32x4.sub(t31, f32x4.sub(b, d)));
}

/** Aᵀ m A, rows first: [0][0], [0][1], [1][0], [1][1] to 16 bytes each. */
// @ts-ignore: decorator
@inline
export function output3(m: usize, point: usize, to: usize): void {
  let c1 = v128.load(m + 4 * point), c2 = v128.load(m + 8 * point);
  const top0 = f32x4.add(f32x4.add(v128.load(m), c1), c2);
  const low0 = f32x4.sub(f32x4.sub(c1, c2), v128.load(m + 12 * point));
  m += point;
  c1 = v128.load(m + 4 * point), c2 = v128.load(m + 8 * point);
  const top1 = f32x4.add(f32x4.add(v128.load(m), c1), c2);
  const low1 = f32x4.sub(f32x4.sub(c1, c2), v128.load(m + 12 * point));
  m += point;
  c1 = v128.load(m + 4 * point), c2 = v128.load(m + 8 * point);
  const top2 = f32x4.add(f32x4.add(v128.load(m), c1), c2);
  const low2 = f32x4.sub(f32x4.sub(c1, c2), v128.load(m + 12 * point));
  m += point;
  c1 = v128.load(m + 4 * point), c2 = v128.load(m + 8 * point);
  const top3 = f32x4.add(f32x4.add(v128.load(m), c1), c2);
  const low3 = f32x4.sub(f32x4.sub(c1, c2), v128.load(m + 12 * point));
  v128.store(to, f32x4.add(f32x4.add(top0, top1), top2));
  v128.store(to, f32x4.sub(f32x4.sub(top1, top2), top3), 16);
  v128.store(to, f32x4.add(f32x4.add(low0, low1), low2), 32);
  v128.store(to, f32x4.sub(f32x4.sub(low1, low2), low3), 48);
}

/** G' dy G'ᵀ of a, b above c, d. */
// @ts-ignore: decorator
@inline
export function gradient3(a: v128, b: v128, c: v128, d: v128, to: usize, point: usize): void {
  const half = f32x4.splat(0.5);
  gradientRow(a, b, to, point);
  gradientRow(f32x4.mul(half, f32x4.add(a, c)), f32x4.mul(half, f32x4.add(b, d)), to + 4 * point, point);
  gradientRow(f32x4.mul(half, f32x4.sub(a, c)), f32x4.mul(half, f32x4.sub(b, d)), to + 8 * point, point);
  gradientRow(c, d, to + 12 * point, point);
}

// @ts-ignore: decorator
@inline
function gradientRow(a: v128, b: v128, to: usize, point: usize): void {
  const half = f32x4.splat(0.5);
  v128.store(to, a);
  v128.store(to + point, f32x4.mul(half, f32x4.add(a, b)));
  v128.store(to + 2 * point, f32x4.mul(half, f32x4.sub(a, b)));
  v128.store(to + 3 * point, b);
}

/** A'ᵀ s A' to nine taps; overwrites s. */
export function taps3(s: usize, point: usize, to: usize, tap: usize): void {
  for (let j: usize = 0; j < 4; j++) {
    // Column j in place of its first three points.
    const at = s + j * point;
    const c1 = v128.load(at + 4 * point), c2 = v128.load(at + 8 * point);
    const sum = f32x4.add(c1, c2);
    v128.store(at, f32x4.add(v128.load(at), sum));
    v128.store(at + 4 * point, f32x4.sub(c1, c2));
    v128.store(at + 8 * point, f32x4.sub(sum, v128.load(at + 12 * point)));
  }
  for (let i: usize = 0; i < 3; i++, s += 4 * point, to += 3 * tap) {
    const c1 = v128.load(s + point), c2 = v128.load(s + 2 * point);
    const sum = f32x4.add(c1, c2);
    v128.store(to, f32x4.add(v128.load(s), sum));
    v128.store(to + tap, f32x4.sub(c1, c2));
    v128.store(to + 2 * tap, f32x4.sub(sum, v128.load(s + 3 * point)));
  }
}
