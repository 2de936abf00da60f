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
import {hush} from "./hearing.js";
import {showLegend} from "./legend.js";
import {Near} from "./near.js";
import {showList} from "./plain_list.js";
import {Pointing} from "./pointing.js";
import {characterScene, lineScene, withLines} from "./scene.js";
import {steer} from "./steering.js";

const FIRST_WAIT_MS = 1000; // until a better map is asked for, doubled each time
const LONGEST_WAIT_MS = 30000;
const KEEP_AFTER_MS = 300; // until the address holds a view
const CLOSE_UP = 5; // doublings, for what was found

const $ = (id) => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");
const [element, waySelect] = [$("map"), $("map-way")];
const stage = new Stage($("map-window"), moved);
const pointing = new Pointing(stage, $("map-card"), $("map-said"), {sounds: soundIsOn, ongame: lines});
const near = new Near(stage, {onlines: surround, onproblem: (error) => $("map-problem").replaceChildren(problemShown(error))});

let scene = null; // what is shown, with the lines around characters
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
  lookNear();
  clearTimeout(keeper);
  keeper = setTimeout(keep, KEEP_AFTER_MS);
}

/** What is chosen stays while it is. */
function lookNear() {
  if (scene && !chosen) near.look(scene.kind === "characters" ? everybody : null);
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
  near.forget();
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
  tellLines([]);
  lookNear();
}

/** Show lines around characters, or null for none; who points at one that stays still does. */
function surround(found) {
  const line = scene.isLine(stage.pointed) ? scene.ids[stage.pointed] : null;
  scene = found ? withLines(everybody, found) : everybody;
  const at = line === null ? stage.pointed : scene.ids.indexOf(line, everybody.count);
  if (at < 0) pointing.away({pinnedToo: true});
  $("map-problem").replaceChildren();
  stage.surround(scene, bytes());
  if (at >= 0) stage.point(at, scene.kin(at));
  tellLines(found ?? []);
}

function tellLines({length: count}) {
  $("map-near").hidden = !count;
  element.dataset.lines = count;
}

/** Ask for the map again while a better one is being made, and have the points move there. */
function expectBetter(mine, waitMs) {
  if (!scene.better) return;
  waiting = setTimeout(async () => {
    const found = await (game === null ? characterScene() : lineScene(game)).catch(() => null);
    if (mine !== asked) return;
    if (found && !found.better) {
      if (scene !== everybody && game === null) surround(null);
      const [at, wasPinned, before] = [stage.pointed, pointing.pinned, scene];
      const same = found.ids.length === before.ids.length && found.ids.every((id, place) => id === before.ids[place]);
      pointing.away({pinnedToo: true});
      if (game === null) everybody = found;
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
  const isLit = (point) => (!chosen || chosen.has(point)) && (!categories.size || categories.has(colours.of[scene.of ? scene.of(point) : point]));
  return painted(scene, colours, theme(), isLit);
}

function recolour() {
  if (!scene) return;
  colours = colouring(game === null ? everybody : scene, way, theme());
  stage.paint(bytes());
  legend();
}

function legend() {
  $("map-sexes").hidden = way !== "sex" || !colours.legend.some(({categories}) => categories.includes(-1));
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
  near.stop();
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
  if (!points.length) return lookNear();
  const onclose = () => (setChosen(null), hush(), stage.paint(bytes()), lookNear(), element.focus());
  showChosen($("map-chosen"), scene, points, {onpoint: (at) => pointing.at(at), onclose});
}

steer(element, {stage, pointing, whole: () => $("map-whole").click()});

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
  if (on && scene) showList($("map-list"), game === null ? everybody : scene);
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
    if (game !== null) await all();
    flyTo(at);
  },
});

addEventListener("popstate", begin);
new ResizeObserver(lookNear).observe($("map-window"));
addEventListener("themechange", recolour);
dark.addEventListener("change", recolour);

$("map-without").hidden = stage.webGl !== "";
begin();
