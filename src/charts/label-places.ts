/** Where to print the labels of points so that they stay apart. */
import type { LabelPlace } from "./chart.ts";

/** A point in pixels with its label. */
export interface Labelled {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

interface Rectangle {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const places: readonly LabelPlace[] = [
  "top",
  "bottom",
  "right",
  "left",
  "top right",
  "top left",
  "bottom right",
  "bottom left",
];

/**
 * For each point the first place, from above to bottom left, where its label covers no point and no earlier label,
 * and stays inside `bounds`; nowhere if there is none. Greedy, O(n²).
 */
export function labelPlaces(points: readonly Labelled[], bounds: Rectangle): LabelPlace[] {
  const taken: Rectangle[] = points.map(({ x, y }) => around(x, y, 5, 5));
  return points.map((point, i) => {
    if (point.text === "") return "nowhere";
    const free = places.find((place) => {
      const area = labelArea(point, place);
      return inside(area, bounds) && !taken.some((other, j) => j !== i && overlap(area, other));
    });
    if (free) taken.push(labelArea(point, free));
    return free ?? "nowhere";
  });
}

/** The room a label takes: 6.2 pixels per character, 12 high, as at a font size of 11. */
function labelArea({ x, y, text }: Labelled, place: LabelPlace): Rectangle {
  const half = text.length * 3.1;
  const side = Number(place.endsWith("right")) - Number(place.endsWith("left"));
  if (place.startsWith("top")) return around(x + side * (4 + half), y - 13, half, 6);
  if (place.startsWith("bottom")) return around(x + side * (4 + half), y + 13, half, 6);
  return around(x + side * (8 + half), y, half, 6);
}

function around(x: number, y: number, halfWidth: number, halfHeight: number): Rectangle {
  return { left: x - halfWidth, right: x + halfWidth, top: y - halfHeight, bottom: y + halfHeight };
}

function overlap(a: Rectangle, b: Rectangle): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function inside(a: Rectangle, bounds: Rectangle): boolean {
  return (
    a.left >= bounds.left &&
    a.right <= bounds.right &&
    a.top >= bounds.top &&
    a.bottom <= bounds.bottom
  );
}
