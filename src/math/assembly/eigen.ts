import { addScaled, dot } from "./vector";

/**
 * Symmetric eigenproblem: Householder tridiagonalisation, then implicit QL with Wilkinson shifts (Golub & Van Loan,
 * "Matrix Computations", §8.3). Matrices are n × n float64, row-major, `stride` elements from row to row, a multiple
 * of 8; rows are padded with zeros and stay so.
 */

/**
 * T = Q A Qᵀ with T tridiagonal: `d` its diagonal, `e` what is beside it (e[n − 1] = 0). `a` is overwritten; row k keeps the
 * vector of reflection k. `work` is one row. Q goes to `q`, unless that is 0.
 */
export function tridiagonalise(
  a: usize, n: usize, stride: usize, q: usize, d: usize, e: usize, work: usize,
): void {
  const bytes = stride * 8;
  for (let k: usize = 0; k < n; k++) {
    const u = a + k * bytes;
    const diagonal = load<f64>(u + k * 8);
    store<f64>(d + k * 8, diagonal);
    if (k + 1 == n) {
      store<f64>(e + k * 8, 0);
      break;
    }
    // Reflect what is right of the diagonal onto its first entry; u keeps zeros up to there.
    const first = u + (k + 1) * 8;
    memory.fill(u, 0, (k + 1) * 8);
    const start = (k + 1) * 8 & ~63;
    const head = load<f64>(first);
    const norm = sqrt(dot(u + start, u + start, bytes - start));
    const alpha = head > 0 ? -norm : norm;
    const half = norm * norm - head * alpha;
    // The last one needs no reflection, it has a single entry.
    if (k + 2 == n || !(half > 0)) {
      store<f64>(e + k * 8, head);
      memory.fill(u, 0, bytes);
      continue;
    }
    store<f64>(e + k * 8, alpha);
    store<f64>(first, head - alpha);
    // I − w wᵀ with w = u / √half;  p = A w;  A ← A − w gᵀ − g wᵀ with g = p − ½ (pᵀw) w.
    const scale = 1 / sqrt(half);
    for (let at = first; at < u + bytes; at += 8) store<f64>(at, load<f64>(at) * scale);
    memory.fill(work + start, 0, bytes - start);
    for (let i = k + 1; i < n; i++) {
      const row = a + i * bytes;
      store<f64>(work + i * 8, dot(row + start, u + start, bytes - start));
    }
    const middle = -0.5 * dot(work + start, u + start, bytes - start);
    addScaled(work + start, u + start, middle, bytes - start);
    for (let i = k + 1; i < n; i++) {
      const row = a + i * bytes;
      subtractTwo(
        row + start, u + start, load<f64>(work + i * 8), work + start, load<f64>(u + i * 8),
        bytes - start,
      );
    }
  }
  if (q) accumulate(a, n, bytes, q);
}

/** y −= s x + t w, over `bytes`. */
// @ts-ignore: decorator
@inline
function subtractTwo(y: usize, x: usize, s: f64, w: usize, t: f64, bytes: usize): void {
  const ss = f64x2.splat(s);
  const tt = f64x2.splat(t);
  for (const end = y + bytes; y < end; x += 16, w += 16, y += 16) {
    const both = f64x2.add(f64x2.mul(ss, v128.load(x)), f64x2.mul(tt, v128.load(w)));
    v128.store(y, f64x2.sub(v128.load(y), both));
  }
}

/** Q = Hₙ₋₃ … H₁ H₀, from the left factor on: factor k changes only rows and columns beyond k. */
function accumulate(a: usize, n: usize, bytes: usize, q: usize): void {
  for (let i: usize = 0; i < n; i++) {
    memory.fill(q + i * bytes, 0, bytes);
    store<f64>(q + i * bytes + i * 8, 1);
  }
  for (let k = <isize>n - 3; k >= 0; k--) {
    const start = <usize>(k + 1) * 8 & ~63;
    const w = a + <usize>k * bytes + start;
    for (let i = <usize>k + 1; i < n; i++) {
      const row = q + i * bytes + start;
      addScaled(row, w, -dot(row, w, bytes - start), bytes - start);
    }
  }
}

/**
 * Diagonalises the tridiagonal matrix: `d` becomes the eigenvalues in no order and row i of `q` (unless that is 0) the
 * eigenvector of d[i], times Q. `rotations` is room for 2n numbers.
 * @returns 0, or 1 without convergence.
 */
export function tridiagonalEigen(
  d: usize, e: usize, n: usize, q: usize, stride: usize, rotations: usize,
): i32 {
  // Neglecting against the neighbours only would never end where both are rounding themselves.
  let norm: f64 = 0;
  for (let i: usize = 0; i < n; i++) {
    norm = max(norm, abs(load<f64>(d + i * 8)) + abs(load<f64>(e + i * 8)));
  }
  const least = 1.1102230246251565e-16 * norm;
  for (let l: usize = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l;
      while (m < n - 1 && abs(load<f64>(e + m * 8)) > least) m++;
      if (m == l) break;
      if (sweep == 60) return 1;
      const done = qlSweep(d, e, l, m, rotations);
      if (q) rotate(q, n, stride * 8, m, m - done, rotations);
    }
  }
  return 0;
}

/**
 * One implicitly shifted sweep over rows l…m, from below. Rotation j (cosine, sine) acts on rows m − j − 1 and m − j.
 * @returns How many rotations there were: m − l, or fewer when the matrix split.
 */
function qlSweep(d: usize, e: usize, l: usize, m: usize, rotations: usize): usize {
  const dl = load<f64>(d + l * 8);
  const el = load<f64>(e + l * 8);
  let g = (load<f64>(d + l * 8, 8) - dl) / (2 * el);
  let r = sqrt(g * g + 1);
  g = load<f64>(d + m * 8) - dl + el / (g + (g < 0 ? -r : r));
  let s: f64 = 1;
  let c: f64 = 1;
  let p: f64 = 0;
  for (let i = m; i > l; i--) {
    const di = d + i * 8;
    const ei = e + i * 8;
    const f = s * load<f64>(ei - 8);
    const b = c * load<f64>(ei - 8);
    r = sqrt(f * f + g * g);
    store<f64>(ei, r);
    if (r == 0) {
      store<f64>(di, load<f64>(di) - p);
      store<f64>(e + m * 8, 0);
      return m - i;
    }
    s = f / r;
    c = g / r;
    g = load<f64>(di) - p;
    r = (load<f64>(di - 8) - g) * s + 2 * c * b;
    p = s * r;
    store<f64>(di, g + p);
    g = c * r - b;
    const at = rotations + (m - i) * 16;
    store<f64>(at, c);
    store<f64>(at, s, 8);
  }
  store<f64>(d + l * 8, load<f64>(d + l * 8) - p);
  store<f64>(e + l * 8, g);
  store<f64>(e + m * 8, 0);
  return m - l;
}

/**
 * Applies the rotations of a sweep to rows m, m − 1, …, low of q: strip by strip, so that the row between two rotations
 * stays in registers. Four vectors wide, as each rotation waits for the one before it.
 */
function rotate(q: usize, n: usize, bytes: usize, m: usize, low: usize, rotations: usize): void {
  const width = n * 8;
  for (let j: usize = 0; j < width; j += 64) {
    let row = q + m * bytes + j;
    let f0 = v128.load(row), f1 = v128.load(row, 16), f2 = v128.load(row, 32), f3 = v128.load(row, 48);
    let at = rotations;
    for (let i = m; i > low; i--, at += 16) {
      const c = v128.load64_splat(at);
      const s = v128.load64_splat(at, 8);
      const above = row - bytes;
      f0 = rotated(row, v128.load(above), f0, c, s);
      f1 = rotated(row + 16, v128.load(above, 16), f1, c, s);
      f2 = rotated(row + 32, v128.load(above, 32), f2, c, s);
      f3 = rotated(row + 48, v128.load(above, 48), f3, c, s);
      row = above;
    }
    v128.store(row, f0);
    v128.store(row, f1, 16);
    v128.store(row, f2, 32);
    v128.store(row, f3, 48);
  }
}

/** Stores s h + c f and returns c h − s f. */
// @ts-ignore: decorator
@inline
function rotated(row: usize, h: v128, f: v128, c: v128, s: v128): v128 {
  v128.store(row, f64x2.add(f64x2.mul(s, h), f64x2.mul(c, f)));
  return f64x2.sub(f64x2.mul(c, h), f64x2.mul(s, f));
}
