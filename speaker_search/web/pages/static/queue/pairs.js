// The pairs to listen to: asked for ahead of time, with their sounds, so that the next one is there at once.

import {loadSound} from "../player/sounds.js";
import {get} from "../shared/api.js";

const AHEAD = 20; // asked for at once
const LOW = 10; // when fewer are ready, more are asked for
const LOADED = 3; // pairs whose sounds are loaded
const MOST = 1000; // as the API has it

/** What names a pair, whichever comes first. */
export function keyOf({one, other}) {
  return [one.id, other.id].sort((a, b) => a - b).join("-");
}

export class Pairs {
  constructor() {
    this.ready = []; // the first is the one being judged
    this.skipped = new Map(); // key -> pair
    this.left = null; // how many are left, where that is known
    this.warnings = [];
    this.answered = new Set(); // keys that the server may not know to be answered yet
    this.asking = null;
  }

  get first() {
    return this.ready[0] ?? null;
  }

  /** Take the first pair away: it was answered, or is skipped for this sitting. */
  next({skip}) {
    const pair = this.ready.shift();
    if (skip) this.skipped.set(keyOf(pair), pair);
    else this.answered.add(keyOf(pair));
    if (this.left !== null) this.left--;
    return pair;
  }

  /** Have a pair judged again, now. */
  back(pair) {
    this.skipped.delete(keyOf(pair));
    this.answered.delete(keyOf(pair));
    this.ready = [pair, ...this.ready.filter((one) => keyOf(one) !== keyOf(pair))];
    if (this.left !== null) this.left++;
  }

  /** Have those skipped asked again. */
  forgetSkipped() {
    this.ready.push(...this.skipped.values());
    this.left = this.ready.length;
    this.skipped.clear();
  }

  /** Ask for more where few are ready; `kept` are keys whose verdicts the server has. Raises Problem. */
  async fill(kept) {
    if (this.ready.length < LOW && this.left === null) await (this.asking ??= this.ask(kept).finally(() => (this.asking = null)));
    for (const pair of this.ready.slice(0, LOADED)) {
      for (const clip of pair.lines) loadSound(clip.audio).catch(() => {}); // the line says it when it is played
    }
  }

  async ask(kept) {
    for (const key of kept) this.answered.delete(key); // the answer to come will leave them out
    const limit = Math.min(MOST, AHEAD + this.skipped.size + this.answered.size);
    const {pairs, warnings} = await get("/v1/queue", {limit});
    const known = new Set([...this.skipped.keys(), ...this.answered]);
    const wanted = pairs.filter((pair) => !known.has(keyOf(pair)));
    const shown = this.ready.slice(0, LOADED); // whose sounds are here; what comes after them is ordered anew
    const there = new Set(shown.map(keyOf));
    this.ready = [...shown, ...wanted.filter((pair) => !there.has(keyOf(pair)))];
    this.left = pairs.length < limit ? this.ready.length : null;
    this.warnings = warnings;
  }
}
