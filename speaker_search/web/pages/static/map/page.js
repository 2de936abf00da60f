// The voice map: what is shown, and how its parts work together. The address holds game, colour, centre and zoom.

import {onKey} from "../shared/keys.js";
import {problemShown} from "../shared/problems.js";
import {t} from "../shared/words.js";
import {keepAddress, readAddress} from "./address.js";
import {showChosen} from "./chosen.js";
import {colouring, painted, WAYS} from "./drawing/colours.js";
import {listen} from "./drawing/gestures.js";
import {Stage} from "./drawing/stage.js";
import {findBy} from "./finding.js";
import {hear, hush} from "./hearing.js";
import {showLegend} from "./legend.js";
import {showList} from "./plain_list.js";
import {Pointing} from "./pointing.js";
import {characterScene, lineScene} from "./scene.js";

const FIRST_WAIT_MS = 1000; // until a better map is asked for, doubled each time
const LONGEST_WAIT_MS = 30000;
const KEEP_AFTER_MS = 300; // until the address holds a view
const STEP_PX = 60; // of an arrow key
const CLOSE_UP = 5; // doublings, for what was found

const $ = (id) => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");
const [element, waySelect] = [$("map"), $("map-way")];
const stage = new Stage($("map-window"), moved);
const pointing = new Pointing(stage, $("map-card"), $("map-said"), {sounds: soundIsOn, ongame: lines});

let scene = null;
let everybody = null; // the scene of all characters, kept while a game's lines are shown
let way = "voice";
let colours = null; // of the scene by the way
let lit = new Set(); // legend entries that were chosen
let chosen = null; // Set of points that a lasso chose
let game = null; // id, while its lines are shown
let waiting = 0;
let asked = 0;
let keeper = 0;

const theme = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");

function soundIsOn() {
  return $("map-sound").getAttribute("aria-pressed") === "true";
}

function lassoIsOn() {
  return $("map-lasso").getAttribute("aria-pressed") === "true";
}

/** Keep what is shown. */
function keep(options) {
  clearTimeout(keeper);
  keepAddress({game, way: way === WAYS[scene.kind][0] ? null : way, view: stage.view}, options);
}

function moved() {
  if (pointing.pinned) pointing.place();
  else pointing.away();
  clearTimeout(keeper);
  keeper = setTimeout(keep, KEEP_AFTER_MS);
}

// What is shown

function begin() {
  const address = readAddress();
  [game, way] = [address.game, address.way];
  return load({view: address.view});
}

async function load({view = null, added = false} = {}) {
  const mine = ++asked;
  clearTimeout(waiting);
  hush();
  $("map-busy").hidden = false;
  try {
    const found = game === null ? (everybody ?? (await characterScene())) : await lineScene(game);
    if (mine !== asked) return;
    if (game === null) everybody = found;
    show(found, view, null);
    if (added) keep({added});
    expectBetter(mine, FIRST_WAIT_MS);
  } catch (error) {
    if (mine === asked) $("map-problem").replaceChildren(problemShown(error));
  } finally {
    if (mine === asked) $("map-busy").hidden = true;
  }
}

function show(found, view, before) {
  scene = found;
  $("map-problem").replaceChildren();
  $("map-empty").hidden = scene.count > 0;
  $("map-better").hidden = !scene.better;
  $("map-back").hidden = scene.kind === "characters";
  const {count, title} = scene;
  $("map-title").textContent = game === null ? t("map.characters", {count}) : t("map.lines_shown", {game: title, count});
  if (!$("map-list").hidden) showList($("map-list"), scene);
  if (!before) {
    setChosen(null);
    lit.clear();
    if (!WAYS[scene.kind].includes(way)) way = WAYS[scene.kind][0];
    for (const option of waySelect.options) option.hidden = option.disabled = !WAYS[scene.kind].includes(option.value);
    waySelect.value = way;
  }
  colours = colouring(scene, way, theme());
  const whole = !before || stage.view.isWhole;
  stage.show(scene, bytes(), before);
  if (whole) stage.view.whole();
  if (view) stage.view.lookAt(view.x, view.y, view.zoom);
  legend();
  element.dataset.drawnBy = stage.webGl;
  element.dataset.shown = `${scene.kind} ${scene.count}`;
}

/** Ask for the map again while a better one is being made, and have the points move there. */
function expectBetter(mine, waitMs) {
  if (!scene.better) return;
  waiting = setTimeout(async () => {
    const found = await (game === null ? characterScene() : lineScene(game)).catch(() => null);
    if (mine !== asked) return;
    if (found && !found.better) {
      if (game === null) everybody = found;
      const [at, wasPinned, before] = [stage.pointed, pointing.pinned, scene];
      const same = found.ids.length === before.ids.length && found.ids.every((id, place) => id === before.ids[place]);
      pointing.away({pinnedToo: true});
      if (!same) setChosen(null);
      show(found, null, before);
      if (same) pointing.at(at, {pin: wasPinned});
    } else {
      expectBetter(mine, Math.min(2 * waitMs, LONGEST_WAIT_MS));
    }
  }, waitMs);
}

function bytes() {
  const categories = new Set([...lit].flatMap((at) => colours.legend[at].categories));
  const isLit = (point) => (!chosen || chosen.has(point)) && (!categories.size || categories.has(colours.of[point]));
  return painted(scene, colours, theme(), isLit);
}

function recolour() {
  if (!scene) return;
  colours = colouring(scene, way, theme());
  stage.paint(bytes());
  legend();
}

function legend() {
  const entries = new Set([...lit].map((at) => colours.legend[at]));
  showLegend($("map-legend"), colours.legend, entries, (entry) => {
    const at = colours.legend.indexOf(entry);
    if (!lit.delete(at)) lit.add(at);
    stage.paint(bytes());
    legend();
  });
}

function flyTo(at) {
  stage.flyTo(scene.x[at], scene.y[at], Math.max(stage.view.zoom, CLOSE_UP));
  pointing.at(at, {pin: true, aloud: true});
  element.focus({preventScroll: true});
}

/** Show the lines of a game, or with null all characters. */
function lines(id) {
  [game, way] = [id, null];
  pointing.away({pinnedToo: true});
  return load({added: true});
}

const all = () => lines(null);

function setChosen(points) {
  chosen = points && new Set(points);
  if (!points) $("map-chosen").hidden = true;
}

// What people do

listen($("map-window"), {
  pan: (right, down) => (stage.view.panBy(right, down), stage.changed()),
  zoom: (doublings, left, top) => (stage.view.zoomBy(doublings, left, top), stage.changed()),
  hover: (left, top) => pointing.pinned || pointing.at(stage.at(left, top)),
  leave: () => pointing.away(),
  lassoing: lassoIsOn,
  tap(left, top, event) {
    element.focus({preventScroll: true});
    const at = stage.at(left, top);
    if (at >= 0) pointing.open(at, event);
    else pointing.away({pinnedToo: true});
  },
  draw(places) {
    stage.lasso = places;
    pointing.away({pinnedToo: true});
    stage.redraw({above: true});
  },
  drawn: (places) => choose(stage.grid.inside(places.map(([left, top]) => stage.view.placeAt(left, top)))),
});

function choose(points) {
  if (lassoIsOn()) $("map-lasso").click();
  setChosen(points.length ? points : null);
  stage.paint(bytes());
  if (!points.length) return;
  const onclose = () => (setChosen(null), hush(), stage.paint(bytes()), element.focus());
  showChosen($("map-chosen"), scene, points, {onpoint: (at) => pointing.at(at), onclose});
}

const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
element.addEventListener("focus", () => element.matches(":focus-visible") && scene && stage.pointed < 0 && pointing.at(stage.middle(), {aloud: true}));
element.addEventListener("keydown", (event) => {
  if (event.target !== element || !scene || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = stage.pointed;
  if (ARROWS[event.key]) arrow(...ARROWS[event.key], event.shiftKey);
  else if (event.key === "+" || event.key === "=") (stage.view.zoomBy(0.5), stage.changed());
  else if (event.key === "-") (stage.view.zoomBy(-0.5), stage.changed());
  else if (event.key === "0") $("map-whole").click();
  else if (event.key === "Enter" && at >= 0) pointing.open(at, event);
  else if (event.key === " " && at >= 0) hear(scene, at);
  else if (event.key === "Escape") (pointing.away({pinnedToo: true}), hush());
  else return;
  event.preventDefault();
});

/** Move the map, and tell the point that is then in its middle; with shift, go on to the next point. */
function arrow(right, down, toPoint) {
  const next = toPoint && stage.pointed >= 0 ? stage.grid.toward(stage.pointed, right, down) : -1;
  if (toPoint) {
    if (next >= 0) stage.flyTo(scene.x[next], scene.y[next]);
  } else {
    stage.view.panBy(-right * STEP_PX, -down * STEP_PX);
    stage.changed();
  }
  const at = toPoint ? next : stage.middle();
  if (at >= 0) pointing.at(at, {pin: toPoint, aloud: true});
}

function pressing(id, then = () => {}) {
  $(id).addEventListener("click", () => {
    const pressed = $(id).getAttribute("aria-pressed") !== "true";
    $(id).setAttribute("aria-pressed", pressed);
    then(pressed);
  });
}
pressing("map-sound", (on) => on || hush());
pressing("map-as-list", (on) => {
  $("map-list").hidden = !on;
  if (on && scene) showList($("map-list"), scene);
});
pressing("map-lasso", (on) => element.classList.toggle("is-lassoing", on));
$("map-closer").addEventListener("click", () => (stage.view.zoomBy(1), stage.changed()));
$("map-farther").addEventListener("click", () => (stage.view.zoomBy(-1), stage.changed()));
$("map-whole").addEventListener("click", () => stage.flyTo(stage.view.middle.x, stage.view.middle.y, 0));
$("map-back").addEventListener("click", all);
waySelect.addEventListener("change", () => {
  way = waySelect.value;
  lit.clear();
  recolour();
  keep();
});
onKey("/", () => $("map-find").focus());

/** Characters are found while a game's lines are shown, too. */
$("map-find").addEventListener("focus", async () => {
  everybody ??= await characterScene().catch(() => null);
});
findBy($("map-find"), $("map-found"), {
  searched: () => everybody ?? scene,
  ongame: (found) => lines(found.id),
  async oncharacter(at) {
    if (scene !== everybody) await all();
    flyTo(at);
  },
});

addEventListener("popstate", begin);
addEventListener("themechange", recolour);
dark.addEventListener("change", recolour);

$("map-without").hidden = stage.webGl !== "";
begin();
