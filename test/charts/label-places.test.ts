import assert from "node:assert/strict";
import { labelPlaces } from "../../src/charts/label-places.ts";

const bounds = { left: 0, right: 400, top: 0, bottom: 300 };

describe("labelPlaces", () => {
  it("a point alone has its label above", () => {
    assert.deepEqual(labelPlaces([{ x: 200, y: 150, text: "1 bit" }], bounds), ["top"]);
  });

  it("at the upper edge the label stands below", () => {
    assert.deepEqual(labelPlaces([{ x: 200, y: 5, text: "1 bit" }], bounds), ["bottom"]);
  });

  it("labels of near points take different places", () => {
    const places = labelPlaces(
      [
        { x: 200, y: 150, text: "1 bit" },
        { x: 204, y: 152, text: "2 bit" },
      ],
      bounds,
    );
    assert.deepEqual(places, ["top", "bottom"]);
  });

  it("where there is no room a label is left out", () => {
    const crowd = Array.from({ length: 20 }, () => ({ x: 200, y: 150, text: "1 bit" }));
    const places = labelPlaces(crowd, bounds);
    assert.equal(places.filter((place) => place !== "nowhere").length, 4);
  });
});
