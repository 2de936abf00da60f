// Finding points by where they lie, also among 100,000 of them: they are sorted into the cells of a grid once.

const A_CELL = 4; // points, on average

/** Points at places x and y (Float32Array, from 0 to 1), to be asked for by place. */
export class Grid {
  constructor(x, y) {
    this.x = x;
    this.y = y;
    this.side = Math.max(1, Math.ceil(Math.sqrt(x.length / A_CELL)));
    this.starts = new Uint32Array(this.side * this.side + 1);
    for (let point = 0; point < x.length; point++) this.starts[this.cell(x[point], y[point]) + 1]++;
    for (let cell = 0; cell < this.side * this.side; cell++) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.points = new Uint32Array(x.length);
    for (let point = 0; point < x.length; point++) this.points[next[this.cell(x[point], y[point])]++] = point;
  }

  column(place) {
    return Math.min(this.side - 1, Math.max(0, Math.floor(place * this.side)));
  }

  cell(x, y) {
    return this.column(y) * this.side + this.column(x);
  }

  /** The point nearest to a place, at most `reach` away, that is not `except`; -1 without one. */
  nearest(x, y, reach, except = -1) {
    let best = -1;
    let least = reach * reach;
    const [column, row] = [this.column(x), this.column(y)];
    const rings = Math.min(this.side, Math.ceil(reach * this.side) + 1);
    for (let ring = 0; ring <= rings; ring++) {
      if (best >= 0 && ((ring - 1) / this.side) ** 2 > least) break; // nothing farther out is nearer
      for (const cell of this.ring(column, row, ring)) {
        for (let place = this.starts[cell]; place < this.starts[cell + 1]; place++) {
          const point = this.points[place];
          const squared = (this.x[point] - x) ** 2 + (this.y[point] - y) ** 2;
          if (squared <= least && point !== except) [best, least] = [point, squared];
        }
      }
    }
    return best;
  }

  *ring(column, row, ring) {
    for (let down = -ring; down <= ring; down++) {
      if (row + down < 0 || row + down >= this.side) continue;
      const step = Math.abs(down) === ring ? 1 : 2 * ring;
      for (let right = -ring; right <= ring; right += step) {
        if (column + right >= 0 && column + right < this.side) yield (row + down) * this.side + column + right;
      }
    }
  }

  /** The points within a rectangle; null where there are more than `most`. */
  within(left, top, right, bottom, most = Infinity) {
    const found = [];
    for (let row = this.column(top); row <= this.column(bottom); row++) {
      const from = row * this.side + this.column(left);
      const to = row * this.side + this.column(right);
      for (let place = this.starts[from]; place < this.starts[to + 1]; place++) {
        const point = this.points[place];
        const [x, y] = [this.x[point], this.y[point]];
        if (x < left || x > right || y < top || y > bottom) continue;
        if (found.length >= most) return null;
        found.push(point);
      }
    }
    return found;
  }

  /** The points within a polygon of places [[x, y], …]. */
  inside(polygon) {
    const xs = polygon.map(([x]) => x);
    const ys = polygon.map(([, y]) => y);
    const near = this.within(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys));
    return near.filter((point) => isInside(polygon, this.x[point], this.y[point]));
  }

  /** The nearest other point that lies rather in one direction, (1, 0) for right; -1 without one. */
  toward(point, right, down) {
    let best = -1;
    let least = Infinity;
    for (let other = 0; other < this.x.length; other++) {
      const [x, y] = [this.x[other] - this.x[point], this.y[other] - this.y[point]];
      const along = x * right + y * down;
      const aside = Math.abs(x * down - y * right);
      if (along <= 0 || aside > along || along + 2 * aside >= least) continue;
      [best, least] = [other, along + 2 * aside];
    }
    return best;
  }
}

function isInside(polygon, x, y) {
  let inside = false;
  for (let at = 0, before = polygon.length - 1; at < polygon.length; before = at++) {
    const [[x1, y1], [x2, y2]] = [polygon[at], polygon[before]];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}
