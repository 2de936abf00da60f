// The lines of the characters in sight, once one looks closely: some of each, around it. Few are held at any time,
// whatever the catalog has.

import {get, Problem} from "../shared/api.js";

const CLOSE = 2; // doublings from the whole map, from which on lines are shown
const MOST_CHARACTERS = 40; // in sight
const MOST_KEPT = 400; // characters whose lines are remembered
const REST_MS = 150; // without a movement, until lines are asked for
const [LEAST, MOST] = [0.0005, 0.02]; // how far lines lie from their character, on a map from 0 to 1
const ROOM = 0.45; // of the way to the nearest character, that they take
const FREE = 0.35; // of that distance, around the character itself

const named = (points) => points.toSorted((one, other) => one - other).join();

export class Near {
  /**
   * `onlines(lines)` is called when others are to be shown, [{id, character, x, y}], or null for none; `onproblem(error)`
   * when none came.
   */
  constructor(stage, {onlines, onproblem}) {
    Object.assign(this, {stage, onlines, onproblem});
    this.kept = new Map(); // number of a character -> its lines, [{id, x, y}], around it; the latest last
    this.shown = ""; // the characters whose lines are shown
    this.timer = 0;
    this.asked = null; // what aborts the latest request
  }

  /** Forget all lines: the characters are others. */
  forget() {
    this.kept.clear();
    this.shown = "";
    this.stop();
  }

  stop() {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.asked = null;
  }

  /** See to it that the right lines are shown, now or soon. `characters` is the scene of all characters, or null. */
  look(characters) {
    this.stop();
    const close = characters && this.stage.view.zoom >= CLOSE;
    const inSight = close ? this.stage.inSight(MOST_CHARACTERS) : null;
    if (!inSight?.length) {
      if (this.shown) this.onlines(null);
      this.shown = "";
    } else if (named(inSight) !== this.shown) {
      this.timer = setTimeout(() => this.show(characters, inSight), REST_MS);
    }
  }

  async show(characters, inSight) {
    const missing = inSight.filter((point) => !this.kept.has(point));
    if (missing.length && !(await this.fetch(characters, missing))) return;
    for (const point of inSight) {
      const lines = this.kept.get(point);
      this.kept.delete(point);
      this.kept.set(point, lines);
    }
    for (const point of [...this.kept.keys()].slice(0, Math.max(0, this.kept.size - MOST_KEPT))) this.kept.delete(point);
    this.shown = named(inSight);
    this.onlines(inSight.flatMap((point) => this.placed(characters, point)));
  }

  /** Whether the lines of these characters are there now; not when others were asked for meanwhile. */
  async fetch(characters, missing) {
    const mine = (this.asked = new AbortController());
    const numbers = new Map(missing.map((point) => [characters.ids[point], point]));
    try {
      const found = await get("/v1/map/clips", {character_id: [...numbers.keys()]}, {signal: mine.signal});
      if (this.asked !== mine) return false;
      for (const point of missing) this.kept.set(point, []);
      found.ids.forEach((id, place) => {
        const {x, y, characters: speakers} = found;
        this.kept.get(numbers.get(speakers[place])).push({id, x: x[place], y: y[place]});
      });
      return true;
    } catch (error) {
      if (error.name !== "AbortError" && !(error instanceof Problem)) throw error;
      if (this.asked === mine) this.onproblem(error); // the next movement asks again
      return false;
    }
  }

  /** A character's lines where they lie on the map, so that they do not reach into those of the nearest one. */
  placed(characters, character) {
    const [x, y] = [characters.x[character], characters.y[character]];
    const nearest = this.stage.names.nearest(x, y, MOST / ROOM, character);
    const apart = nearest < 0 ? Infinity : Math.hypot(characters.x[nearest] - x, characters.y[nearest] - y);
    const reach = Math.min(MOST, Math.max(LEAST, ROOM * apart));
    return this.kept.get(character).map((line) => {
      const far = Math.hypot(line.x, line.y);
      const [right, down] = far ? [line.x / far, line.y / far] : [0, 1];
      const away = reach * (FREE + (1 - FREE) * far);
      return {id: line.id, character, x: x + right * away, y: y + down * away};
    });
  }
}
