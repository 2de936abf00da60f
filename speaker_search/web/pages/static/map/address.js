// What the page's address holds of the map: whose lines are shown, the colours, and the view.

import {searchParameters} from "../shared/api.js";

/** {game, way, view} of an address; null for what it does not hold. */
export function readAddress() {
  const given = new URLSearchParams(location.search);
  const number = (name) => (given.get(name) ? Number(given.get(name)) : NaN);
  const game = /^[1-9]\d{0,15}$/.test(given.get("game") ?? "") ? Number(given.get("game")) : null;
  const view = {x: number("x"), y: number("y"), zoom: number("zoom") || 0};
  return {game, way: given.get("colour"), view: Number.isFinite(view.x + view.y) ? view : null};
}

/** Keep in the address what is shown; `added` as a step that the browser's back button undoes. */
export function keepAddress({game, way, view}, {added = false} = {}) {
  const rounded = (value, digits) => (view.isWhole ? null : Number(value.toFixed(digits)));
  const query = searchParameters({game, colour: way, x: rounded(view.x, 4), y: rounded(view.y, 4), zoom: rounded(view.zoom, 2)}).toString();
  history[added ? "pushState" : "replaceState"](null, "", query ? `?${query}` : location.pathname);
}
