// The window onto the map: points by WebGL, and above them on a second canvas what is said about some of them.

import {rgb} from "./colours.js";
import {pointsByGl, webGl} from "./gl.js";
import {Grid} from "./grid.js";
import {interleaved} from "../scene.js";
import {pointsByPixels} from "./pixels.js";
import {View} from "./view.js";

const MOVE_MS = 900; // of points to their places on a better map
const FLY_MS = 600;
const MOST_NAMES = 45; // shown at once
const REACH_PX = 14; // from the pointer to a point
const MOST_RATIO = 2; // device pixels of a CSS pixel, drawn
const NAME_PX = 12;
const MOST_LINKS = 60; // lines to the other roles of a voice

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const eased = (part) => (part < 0.5 ? 4 * part ** 3 : 1 - (2 - 2 * part) ** 3 / 2);

export class Stage {
  /** `element` holds the two canvases. `onmove` is called when the view has changed. */
  constructor(element, onmove) {
    [this.below, this.above] = element.querySelectorAll("canvas");
    this.element = element;
    this.onmove = onmove;
    this.webGl = webGl();
    this.points = this.webGl === "gpu" ? pointsByGl(this.below, () => this.redraw()) : pointsByPixels(this.below);
    // What the processor draws, it draws faster into memory than by way of a GPU that it pretends to be.
    this.pen = this.above.getContext("2d", {willReadFrequently: this.webGl !== "gpu"});
    this.view = new View();
    this.scene = null;
    this.pointed = -1; // the point under the pointer, or chosen by keys
    this.kin = []; // points that belong to it
    this.lasso = null; // [[x, y], …] on the screen, while it is drawn
    this.movedFrom = null; // when points began to move
    this.flight = null;
    this.asked = false; // whether the next frame is drawn
    this.same = true; // whether the points in it are where they were
    new ResizeObserver(() => this.resize()).observe(element);
  }

  resize() {
    const {clientWidth: width, clientHeight: height} = this.element;
    if (!width || !height) return;
    Object.assign(this.view, {width, height});
    const ratio = Math.min(MOST_RATIO, devicePixelRatio || 1);
    for (const canvas of [this.below, this.above]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.draw();
  }

  /** Show a scene in these colours; where `before` is given, points move from their places there. */
  show(scene, colours, before = null) {
    this.scene = scene;
    this.grid = this.names = new Grid(scene.x, scene.y); // all points, and those that have names on the map
    this.pointed = -1;
    this.kin = [];
    this.view.bounds = scene.bounds;
    const moves = before !== null && !calm.matches;
    const to = interleaved(scene);
    this.points.fill(moves ? interleaved(scene, before) : to, to, colours);
    this.movedFrom = moves ? performance.now() : null;
    this.redraw();
  }

  /** Show the same scene with other lines around its characters, or with none. */
  surround(scene, colours) {
    this.scene = scene;
    this.grid = scene.lead === undefined ? this.names : new Grid(scene.x, scene.y);
    this.movedFrom = null;
    const to = interleaved(scene);
    this.points.fill(to, to, colours);
    this.redraw();
  }

  paint(colours) {
    this.points.paint(colours);
    this.redraw();
  }

  /** The point that somebody means who points at this place of the screen; -1 for none. */
  at(left, top) {
    if (!this.scene || this.movedFrom !== null) return -1;
    return this.grid.nearest(...this.view.placeAt(left, top), REACH_PX / this.view.scale);
  }

  /** The point nearest to the middle of the window, if any is in it. */
  middle() {
    const {x, y, scale, width, height} = this.view;
    return this.scene ? this.grid.nearest(x, y, Math.min(width, height) / 2 / scale) : -1;
  }

  point(point, kin = []) {
    this.pointed = point;
    this.kin = kin;
    this.redraw({above: true});
  }

  /** Move to a place, gently unless the reader's system asks for less motion. */
  flyTo(x, y, zoom = this.view.zoom, lasting = FLY_MS) {
    const {x: fromX, y: fromY, zoom: fromZoom} = this.view;
    if (calm.matches) {
      Object.assign(this.view, {x, y, zoom});
      this.changed();
      return;
    }
    const began = performance.now();
    this.flight = (now) => {
      const part = eased(Math.min(1, (now - began) / lasting));
      Object.assign(this.view, {x: fromX + (x - fromX) * part, y: fromY + (y - fromY) * part, zoom: fromZoom + (zoom - fromZoom) * part});
      if (part >= 1) this.flight = null;
      this.onmove();
    };
    this.redraw();
  }

  /** Show the view after a change of it; a flight ends. */
  changed() {
    this.flight = null;
    this.onmove();
    this.redraw();
  }

  /** Draw in the next frame; the points too, unless only what is above them has changed. */
  redraw({above = false} = {}) {
    this.same &&= above;
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame((now) => {
      this.asked = false;
      this.flight?.(now);
      this.draw(now, this.same);
      this.same = true;
      if (this.flight || this.movedFrom !== null) this.redraw();
    });
  }

  /** The diameter of a point in pixels: smaller where there are many, larger the nearer one looks. */
  get size() {
    const {width, height, zoom} = this.view;
    const room = Math.sqrt((width * height) / Math.max(1, this.scene?.lead ?? this.scene?.count ?? 1));
    return Math.min(15, Math.max(2.2, Math.min(11, 0.62 * room) * 2 ** (0.22 * zoom)));
  }

  draw(now = performance.now(), same = false) {
    const moved = this.movedFrom === null ? 1 : eased(Math.min(1, (now - this.movedFrom) / MOVE_MS));
    if (moved >= 1) this.movedFrom = null;
    const style = getComputedStyle(this.element);
    const background = rgb(style.getPropertyValue("--surface").trim());
    if (!same) this.points.draw(this.view, {moved, size: this.size, background});
    this.drawAbove(style, moved < 1);
  }

  drawAbove(style, moving) {
    const pointed = this.scene && !moving && this.pointed >= 0;
    const named = this.scene && !moving ? this.named() : null;
    const used = pointed || named || this.lasso;
    // An empty canvas costs as much as a full one where the processor puts the page together.
    this.above.style.visibility = used ? "" : "hidden";
    if (!used) return;
    const context = this.pen;
    const ratio = this.above.width / this.view.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.view.width, this.view.height);
    const [text, surface, accent] = ["--text", "--surface", "--accent"].map((name) => style.getPropertyValue(name));
    if (pointed) this.drawPointed(context, text, surface, accent);
    if (named) this.drawNames(context, named, text, surface, style.fontFamily);
    if (this.lasso) this.drawLasso(context, style);
  }

  placed(point) {
    return this.view.onScreen(this.scene.x[point], this.scene.y[point]);
  }

  drawPointed(context, text, surface, accent) {
    const [x, y] = this.placed(this.pointed);
    context.lineWidth = 1;
    context.strokeStyle = accent;
    context.globalAlpha = 0.55;
    context.beginPath();
    for (const point of this.kin.slice(0, MOST_LINKS)) {
      context.moveTo(x, y);
      context.lineTo(...this.placed(point));
    }
    context.stroke();
    context.globalAlpha = 1;
    for (const point of this.kin.slice(0, MOST_LINKS)) this.ring(context, ...this.placed(point), 1, accent, surface);
    this.ring(context, x, y, 3, text, surface);
  }

  ring(context, x, y, beyond, colour, surface) {
    for (const [width, stroke] of [[4, surface], [2, colour]]) {
      context.lineWidth = width;
      context.strokeStyle = stroke;
      context.beginPath();
      context.arc(x, y, this.size / 2 + beyond, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  /** The points whose names are shown: all characters in sight, if they are few; null without any. */
  named() {
    if (this.scene.kind !== "characters") return null;
    const found = this.inSight(MOST_NAMES);
    return found?.length ? found : null;
  }

  /** The points of the scene in sight, without lines around characters; null where there are more than `most`. */
  inSight(most) {
    const {width, height} = this.view;
    return this.names.within(...this.view.placeAt(0, 0), ...this.view.placeAt(width, height), most);
  }

  /** Names beside their points; one that would cover another is left out. */
  drawNames(context, points, text, surface, family) {
    context.font = `${NAME_PX}px ${family}`;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    const taken = [];
    for (const point of points) {
      const [x, y] = this.placed(point);
      const name = this.scene.name(point);
      const box = [x + this.size / 2 + 3, y - NAME_PX / 2 - 1, context.measureText(name).width, NAME_PX + 2];
      if (taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      context.lineWidth = 3;
      context.strokeStyle = surface;
      context.strokeText(name, box[0], y);
      context.fillStyle = text;
      context.fillText(name, box[0], y);
    }
  }

  drawLasso(context, style) {
    context.beginPath();
    for (const [x, y] of this.lasso) context.lineTo(x, y);
    context.closePath();
    context.fillStyle = style.getPropertyValue("--accent");
    context.strokeStyle = context.fillStyle;
    context.lineWidth = 2;
    context.globalAlpha = 0.12;
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
  }
}

function overlap([left, top, width, height], [left2, top2, width2, height2]) {
  return left < left2 + width2 && left2 < left + width && top < top2 + height2 && top2 < top + height;
}
