/**
 * Eigenvalues and eigenvectors of a symmetric matrix, in descending order of eigenvalue: Householder tridiagonalisation,
 * then implicit QL with Wilkinson shifts (Golub & Van Loan, "Matrix Computations", §8.3). O(n³), exact to rounding,
 * deterministic. `a` is n × n row-major and is overwritten.
 * @returns `values[i]`, and eigenvector i as row i of `vectors` (n × n, row-major, orthonormal).
 */
export function symmetricEigen(
  a: Float64Array,
  n: number,
): { values: Float64Array; vectors: Float64Array } {
  const { diagonal, beside, rows } = tridiagonal(a, n);
  implicitQl(diagonal, beside, rows, n);
  const order = Array.from({ length: n }, (_, i) => i);
  order.sort((i, j) => (diagonal[j] as number) - (diagonal[i] as number) || i - j);
  const vectors = new Float64Array(n * n);
  for (const [to, from] of order.entries()) {
    vectors.set(rows.subarray(from * n, from * n + n), to * n);
  }
  return { values: Float64Array.from(order, (i) => diagonal[i] as number), vectors };
}

/**
 * T = Q A Qᵀ with T tridiagonal; `rows` is Q. Reflectors are applied to whole rows, so all inner loops are contiguous.
 */
function tridiagonal(a: Float64Array, n: number) {
  const rows = new Float64Array(n * n);
  for (let i = 0; i < n; i++) rows[i * n + i] = 1;
  const u = new Float64Array(n);
  const p = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    // Reflect column k below its subdiagonal onto the subdiagonal; by symmetry read it from row k.
    let norm = 0;
    for (let i = k + 1; i < n; i++) norm += (a[k * n + i] as number) * (a[k * n + i] as number);
    norm = Math.sqrt(norm);
    if (norm === 0) continue;
    const head = a[k * n + k + 1] as number;
    const alpha = head > 0 ? -norm : norm;
    u.fill(0);
    for (let i = k + 1; i < n; i++) u[i] = a[k * n + i] as number;
    u[k + 1] = head - alpha;
    const uu = 2 * (norm * norm - head * alpha);
    if (uu === 0) continue;
    const beta = 2 / uu;
    // p = β A u;  A ← A − u qᵀ − q uᵀ with q = p − (β/2)(pᵀu) u.
    let pu = 0;
    for (let i = k; i < n; i++) {
      let sum = 0;
      const row = i * n;
      for (let j = k + 1; j < n; j++) sum += (a[row + j] as number) * (u[j] as number);
      p[i] = beta * sum;
      pu += (p[i] as number) * (u[i] as number);
    }
    const half = (beta / 2) * pu;
    for (let i = k; i < n; i++) p[i] = (p[i] as number) - half * (u[i] as number);
    for (let i = k; i < n; i++) {
      const [ui, pi] = [u[i] as number, p[i] as number];
      const row = i * n;
      for (let j = k; j < n; j++) {
        a[row + j] = (a[row + j] as number) - ui * (p[j] as number) - pi * (u[j] as number);
      }
    }
    // Q ← (I − β u uᵀ) Q: first s = uᵀ Q, then rows.
    p.fill(0);
    for (let i = k + 1; i < n; i++) {
      const ui = u[i] as number;
      const row = i * n;
      for (let j = 0; j < n; j++) p[j] = (p[j] as number) + ui * (rows[row + j] as number);
    }
    for (let i = k + 1; i < n; i++) {
      const scale = beta * (u[i] as number);
      const row = i * n;
      for (let j = 0; j < n; j++)
        rows[row + j] = (rows[row + j] as number) - scale * (p[j] as number);
    }
  }
  const diagonal = Float64Array.from({ length: n }, (_, i) => a[i * n + i] as number);
  const beside = Float64Array.from({ length: n }, (_, i) =>
    i + 1 < n ? (a[i * n + i + 1] as number) : 0,
  );
  return { diagonal, beside, rows };
}

/** Diagonalises the tridiagonal matrix in place; the rows of `rows` become its eigenvectors times Q. */
function implicitQl(d: Float64Array, e: Float64Array, rows: Float64Array, n: number): void {
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l;
      for (; m < n - 1; m++) {
        const scale = Math.abs(d[m] as number) + Math.abs(d[m + 1] as number);
        if (Math.abs(e[m] as number) <= 2.220446049250313e-16 * scale) break;
      }
      if (m === l) break;
      if (sweep === 60) throw new Error("symmetricEigen: no convergence after 60 sweeps");
      let g = ((d[l + 1] as number) - (d[l] as number)) / (2 * (e[l] as number));
      let r = Math.sqrt(g * g + 1);
      g = (d[m] as number) - (d[l] as number) + (e[l] as number) / (g + (g < 0 ? -r : r));
      let [s, c, p] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * (e[i] as number);
        const b = c * (e[i] as number);
        r = Math.sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1] = (d[i + 1] as number) - p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = (d[i + 1] as number) - p;
        r = ((d[i] as number) - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        rotate(rows, i * n, (i + 1) * n, n, c, s);
      }
      if (r === 0 && i >= l) continue;
      d[l] = (d[l] as number) - p;
      e[l] = g;
      e[m] = 0;
    }
  }
}

function rotate(rows: Float64Array, lower: number, upper: number, n: number, c: number, s: number) {
  for (let k = 0; k < n; k++) {
    const f = rows[upper + k] as number;
    const h = rows[lower + k] as number;
    rows[upper + k] = s * h + c * f;
    rows[lower + k] = c * h - s * f;
  }
}
