// The alpha byte of a point's colour tells how much the point matters. What matters less is smaller, paler and below.
// At weight 0 are the lines around characters: much smaller, and not as pale.

export const TINY = 0.5; // of the diameter, at weight 0
export const SMALL = 0.7; // of the diameter, at weight 1
export const CLEAR = 0.7; // alpha at weight 0
export const FAINT = 0.55; // alpha at weight 1
export const FULL = 0.92; // alpha at weight 255

/** How much of the whole diameter a point of this weight has. */
export const sizeOf = (weight) => (weight ? SMALL + ((1 - SMALL) * weight) / 255 : TINY);
export const alphaOf = (weight) => (weight ? FAINT + ((FULL - FAINT) * weight) / 255 : CLEAR);

/** The points in the order in which they are drawn. */
export function byWeight(colours) {
  const starts = new Uint32Array(257);
  for (let at = 3; at < colours.length; at += 4) starts[colours[at] + 1]++;
  for (let weight = 0; weight < 256; weight++) starts[weight + 1] += starts[weight];
  const order = new Uint32Array(colours.length / 4);
  for (let point = 0; point < order.length; point++) order[starts[colours[4 * point + 3]]++] = point;
  return order;
}
