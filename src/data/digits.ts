import { type Random, random } from "../math/random.ts";
import { type Dataset, meanImage, type Split } from "./dataset.ts";
import { withRecipe } from "./recipe.ts";
import { shownDataset } from "./shown.ts";

/** A pen stroke: control points of a uniform quadratic B-spline, x to the right, y down, about 0…1. */
interface Stroke {
  readonly points: readonly (readonly [number, number])[];
  readonly closed?: boolean;
}

type Glyph = readonly Stroke[];

const line = (...points: [number, number][]): Stroke => ({ points });
const loop = (...points: [number, number][]): Stroke => ({ points, closed: true });

/** Ways of writing each digit; one is picked at random per image. */
const glyphs: readonly (readonly Glyph[])[] = [
  [
    [
      loop(
        [0.5, 0],
        [0.12, 0.05],
        [0.08, 0.5],
        [0.15, 0.95],
        [0.5, 1],
        [0.85, 0.95],
        [0.92, 0.5],
        [0.88, 0.05],
      ),
    ],
    [
      loop(
        [0.55, 0],
        [0.25, 0.1],
        [0.18, 0.6],
        [0.25, 1],
        [0.5, 1],
        [0.75, 0.85],
        [0.8, 0.4],
        [0.75, 0.02],
      ),
    ],
  ],
  [
    [line([0.52, 0.02], [0.5, 0.98])],
    [line([0.3, 0.22], [0.55, 0.02]), line([0.55, 0.02], [0.52, 0.98])],
    [
      line([0.3, 0.2], [0.52, 0.02]),
      line([0.52, 0.02], [0.5, 0.97]),
      line([0.25, 0.98], [0.78, 0.97]),
    ],
  ],
  [
    [
      line([0.15, 0.28], [0.2, -0.05], [0.85, -0.05], [0.9, 0.4], [0.5, 0.65], [0.12, 0.97]),
      line([0.12, 0.97], [0.9, 0.95]),
    ],
    [
      line(
        [0.15, 0.25],
        [0.3, -0.08],
        [0.9, 0.02],
        [0.75, 0.5],
        [0.3, 0.98],
        [0.08, 0.9],
        [0.2, 0.72],
        [0.55, 0.95],
        [0.95, 0.9],
      ),
    ],
  ],
  [
    [
      line([0.15, 0.12], [0.5, -0.08], [0.98, 0.1], [0.8, 0.47], [0.42, 0.48]),
      line([0.42, 0.48], [1.02, 0.5], [0.92, 1], [0.4, 1.05], [0.1, 0.86]),
    ],
    [
      line([0.12, 0.05], [0.85, 0.04]),
      line([0.85, 0.04], [0.45, 0.42]),
      line([0.45, 0.42], [1.05, 0.48], [0.9, 1], [0.4, 1.05], [0.1, 0.86]),
    ],
  ],
  [
    [
      line([0.66, 0.02], [0.08, 0.66]),
      line([0.08, 0.66], [0.95, 0.64]),
      line([0.68, 0.02], [0.66, 0.98]),
    ],
    [line([0.2, 0.05], [0.12, 0.5], [0.22, 0.6], [0.8, 0.52]), line([0.8, 0.05], [0.72, 0.98])],
  ],
  [
    [
      line([0.88, 0.04], [0.28, 0.05]),
      line([0.28, 0.05], [0.2, 0.45]),
      line([0.2, 0.45], [0.55, 0.3], [1, 0.48], [0.9, 1], [0.4, 1.04], [0.1, 0.88]),
    ],
    [
      line(
        [0.85, 0.02],
        [0.45, 0.02],
        [0.2, 0.12],
        [0.2, 0.45],
        [0.8, 0.42],
        [0.95, 0.9],
        [0.45, 1.08],
        [0.12, 0.9],
      ),
    ],
  ],
  [
    [
      line(
        [0.75, 0.02],
        [0.3, 0.15],
        [0.08, 0.6],
        [0.15, 1.02],
        [0.6, 1.05],
        [0.92, 0.85],
        [0.8, 0.48],
        [0.45, 0.48],
        [0.16, 0.72],
      ),
    ],
    [
      line([0.5, 0], [0.2, 0.35], [0.12, 0.75]),
      loop([0.5, 0.5], [0.15, 0.55], [0.12, 0.95], [0.5, 1.02], [0.85, 0.95], [0.85, 0.55]),
    ],
  ],
  [
    [line([0.1, 0.06], [0.9, 0.04]), line([0.9, 0.04], [0.6, 0.42], [0.4, 0.98])],
    [
      line([0.1, 0.08], [0.9, 0.04]),
      line([0.9, 0.04], [0.5, 0.98]),
      line([0.35, 0.52], [0.82, 0.48]),
    ],
    [
      line([0.12, 0.2], [0.12, 0.05]),
      line([0.12, 0.05], [0.88, 0.05]),
      line([0.88, 0.05], [0.7, 0.4], [0.6, 0.98]),
    ],
  ],
  [
    [
      loop([0.5, 0], [0.18, 0.03], [0.18, 0.42], [0.5, 0.48], [0.82, 0.42], [0.82, 0.03]),
      loop([0.5, 0.48], [0.1, 0.52], [0.1, 0.96], [0.5, 1], [0.9, 0.96], [0.9, 0.52]),
    ],
    [
      loop(
        [0.8, 0.1],
        [0.5, -0.05],
        [0.12, 0.05],
        [0.2, 0.4],
        [0.75, 0.6],
        [0.9, 0.95],
        [0.5, 1.05],
        [0.1, 0.95],
        [0.2, 0.6],
        [0.75, 0.35],
      ),
    ],
  ],
  [
    [
      loop([0.5, 0], [0.14, 0.05], [0.14, 0.5], [0.5, 0.54], [0.86, 0.46], [0.86, 0.05]),
      line([0.84, 0.2], [0.86, 0.6], [0.6, 0.98]),
    ],
    [
      loop([0.55, 0], [0.15, 0.05], [0.12, 0.48], [0.5, 0.52], [0.84, 0.4], [0.82, 0.05]),
      line([0.83, 0.15], [0.82, 0.98]),
    ],
    [
      loop([0.5, 0], [0.14, 0.05], [0.14, 0.5], [0.5, 0.54], [0.86, 0.46], [0.86, 0.05]),
      line([0.84, 0.2], [0.95, 0.8], [0.6, 1.08], [0.2, 0.9]),
    ],
  ],
];

const side = 28;

/**
 * Handwriting-like digits drawn by this program: 28 × 28 grey pixels, ten classes, balanced. Each image takes one way
 * of writing its digit, moves the control points, warps the plane and draws with a pen of its own width, strength and
 * noise. For use where no data set is at hand: LeNet300 trained on 10,000 of them errs on 1–4 % of the test images.
 * Needs + − × ÷ √ only, so the same seed gives the same pixels on every machine.
 * @throws RangeError if a count is not a whole number from 1.
 */
export function digits(
  options: {
    readonly trainCount?: number;
    readonly testCount?: number;
    readonly seed?: number;
  } = {},
): Dataset {
  const { trainCount = 10_000, testCount = 2_000, seed = 0 } = options;
  for (const [name, value] of Object.entries({ trainCount, testCount })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`digits: ${name} must be a whole number from 1, got ${value}.`);
    }
  }
  const train = draw(trainCount, random(seed, 0xd191, 1));
  const data = shownDataset({
    name: "procedural digits",
    source: `digits drawn by lclab (seed ${seed}); no data set was read`,
    shape: [side, side, 1],
    classes: 10,
    train,
    test: draw(testCount, random(seed, 0xd191, 2)),
    mean: meanImage(train, side * side),
  });
  return withRecipe(data, "digits", { trainCount, testCount, seed });
}

function draw(count: number, rng: Random): Split {
  const images = new Uint8Array(count * side * side);
  const labels = new Uint8Array(count);
  const ink = new Float64Array(side * side);
  for (let i = 0; i < count; i++) {
    const label = rng.below(10);
    labels[i] = label;
    drawDigit(label, rng, ink);
    for (let p = 0; p < ink.length; p++)
      images[i * ink.length + p] = Math.round(255 * (ink[p] as number));
  }
  return { images, labels, count };
}

/** Draws one digit into `ink`, 0…1 per pixel. */
function drawDigit(label: number, rng: Random, ink: Float64Array): void {
  const around = (size: number): number => size * (rng.uniform() + rng.uniform() - 1);
  const ways = glyphs[label] as readonly Glyph[];
  const glyph = ways[rng.below(ways.length)] as Glyph;
  const place = placement(around);
  const width = 0.85 + 0.55 * rng.uniform() + 0.3 * rng.uniform();
  const strength = 0.75 + 0.25 * rng.uniform();
  ink.fill(0);
  for (const stroke of glyph) {
    const moved = stroke.points.map(([x, y]) => place(x + around(0.13), y + around(0.13)));
    const path = spline(moved, stroke.closed === true);
    for (let i = 1; i < path.length; i++) {
      segment(ink, path[i - 1] as [number, number], path[i] as [number, number], width, strength);
    }
  }
  const noise = 0.12 * rng.uniform();
  for (let p = 0; p < ink.length; p++) {
    const grain = 1 - 0.4 * rng.uniform() * (noise * 8);
    const dust = rng.uniform() < 0.004 ? 0.5 * rng.uniform() : 0;
    ink[p] = Math.min(1, (ink[p] as number) * grain + dust);
  }
}

/** A random map from glyph coordinates to pixels: scale, shear, rotation, shift and a gentle bend. */
function placement(around: (size: number) => number): (x: number, y: number) => [number, number] {
  const t = around(0.16);
  // A rotation without sine and cosine: t = tan(angle / 2).
  const cos = (1 - t * t) / (1 + t * t);
  const sin = (2 * t) / (1 + t * t);
  const wide = 13 + around(4.5);
  const high = 18.5 + around(3.5);
  const shear = around(0.42);
  const [bendX, bendY] = [around(0.35), around(0.3)];
  const [shiftX, shiftY] = [13.5 + around(2.2), 13.5 + around(2.2)];
  return (x, y) => {
    const u = x - 0.5;
    const v = y - 0.5;
    const bentU = u + bendX * (v * v - 0.1) - shear * v;
    const bentV = v + bendY * (u * u - 0.1);
    const a = bentU * wide;
    const b = bentV * high;
    return [shiftX + cos * a - sin * b, shiftY + sin * a + cos * b];
  };
}

/** Points along the uniform quadratic B-spline of `control`. */
function spline(control: readonly [number, number][], closed: boolean): [number, number][] {
  const n = control.length;
  const at = (i: number): [number, number] => control[(i + n) % n] as [number, number];
  const middle = (i: number): [number, number] => [
    (at(i)[0] + at(i + 1)[0]) / 2,
    (at(i)[1] + at(i + 1)[1]) / 2,
  ];
  if (!closed && n === 2) return [at(0), at(1)];
  const path: [number, number][] = [];
  const first = closed ? 0 : 1;
  const last = closed ? n : n - 1;
  for (let i = first; i < last; i++) {
    const start = !closed && i === first ? at(0) : middle(i - 1);
    const end = !closed && i === last - 1 ? at(n - 1) : middle(i);
    const pieces = 5;
    for (let k = path.length === 0 ? 0 : 1; k <= pieces; k++) {
      const s = k / pieces;
      const [p, q, r] = [(1 - s) * (1 - s), 2 * s * (1 - s), s * s];
      path.push([
        p * start[0] + q * at(i)[0] + r * end[0],
        p * start[1] + q * at(i)[1] + r * end[1],
      ]);
    }
  }
  return path;
}

/** Darkens the pixels within `width` of a segment, with a soft edge of one pixel. */
function segment(
  ink: Float64Array,
  [x0, y0]: [number, number],
  [x1, y1]: [number, number],
  width: number,
  strength: number,
): void {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = dx * dx + dy * dy;
  const reach = width + 1;
  const left = Math.max(0, Math.ceil(Math.min(x0, x1) - reach));
  const right = Math.min(side - 1, Math.floor(Math.max(x0, x1) + reach));
  const top = Math.max(0, Math.ceil(Math.min(y0, y1) - reach));
  const bottom = Math.min(side - 1, Math.floor(Math.max(y0, y1) + reach));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const along = squared === 0 ? 0 : ((x - x0) * dx + (y - y0) * dy) / squared;
      const s = Math.max(0, Math.min(1, along));
      const [ex, ey] = [x - x0 - s * dx, y - y0 - s * dy];
      const cover = Math.max(0, Math.min(1, width + 0.5 - Math.sqrt(ex * ex + ey * ey)));
      const p = y * side + x;
      ink[p] = Math.max(ink[p] as number, strength * cover);
    }
  }
}
