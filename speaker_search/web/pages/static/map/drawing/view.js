// The part of a map that is looked at: a centre, a zoom, and where its places lie on the screen. Pure but for its size.

const MARGIN = 0.06; // of the window, left free around a whole map
const LEAST_ZOOM = -1; // doublings
const MOST_ZOOM = 12;
const SLIGHT = 1e-3; // as good as the whole map

/** A view of places in the square from 0 to 1; on the screen they are in CSS pixels from the top left of the window. */
export class View {
  constructor() {
    Object.assign(this, {x: 0.5, y: 0.5, zoom: 0, width: 1, height: 1, bounds: [0, 0, 1, 1]});
  }

  /** Pixels of one unit. At zoom 0 the bounds of all points fill the window. */
  get scale() {
    const [left, top, right, bottom] = this.bounds;
    const wide = Math.max(right - left, 0.05);
    const tall = Math.max(bottom - top, 0.05);
    return Math.min(this.width / wide, this.height / tall) * (1 - 2 * MARGIN) * 2 ** this.zoom;
  }

  get middle() {
    const [left, top, right, bottom] = this.bounds;
    return {x: (left + right) / 2, y: (top + bottom) / 2};
  }

  onScreen(x, y) {
    const {scale} = this;
    return [(x - this.x) * scale + this.width / 2, (y - this.y) * scale + this.height / 2];
  }

  placeAt(left, top) {
    const {scale} = this;
    return [(left - this.width / 2) / scale + this.x, (top - this.height / 2) / scale + this.y];
  }

  panBy(right, down) {
    const {scale} = this;
    this.lookAt(this.x - right / scale, this.y - down / scale);
  }

  /** Zoom by doublings; what lies at a point of the screen stays there. */
  zoomBy(doublings, left = this.width / 2, top = this.height / 2) {
    const [x, y] = this.placeAt(left, top);
    this.lookAt(this.x, this.y, this.zoom + doublings);
    const [afterX, afterY] = this.placeAt(left, top);
    this.lookAt(this.x + x - afterX, this.y + y - afterY);
  }

  /** Look at a place; the centre never leaves the points. */
  lookAt(x, y, zoom = this.zoom) {
    this.zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, zoom));
    const [left, top, right, bottom] = this.bounds;
    this.x = Math.min(right, Math.max(left, x));
    this.y = Math.min(bottom, Math.max(top, y));
  }

  get isWhole() {
    const {x, y} = this.middle;
    return Math.abs(this.x - x) + Math.abs(this.y - y) + Math.abs(this.zoom) < SLIGHT;
  }

  whole() {
    Object.assign(this, {...this.middle, zoom: 0});
  }
}
