// The points that a lasso chose, as a list by recurring voice, each to hear.

import {button, el, icon, said} from "../shared/dom.js";
import {characterLink, has} from "../shared/links.js";
import {t} from "../shared/words.js";
import {likeAddress} from "./card.js";
import {hear, hush, isHeard, output} from "./hearing.js";

const A_TIME = 100; // rows shown, until more are asked for

let shown = []; // [scene, point, its button] of every row

/** Groups of points, [{words, points}], the largest first; those without a voice are last. */
export function grouped(scene, points) {
  const lines = scene.kind === "lines";
  const groups = new Map();
  for (const point of points) {
    const key = lines ? (scene.character(point)?.id ?? null) : scene.voice(point);
    groups.set(key, [...(groups.get(key) ?? []), point]);
  }
  const words = (key, first) => {
    if (lines) return scene.name(first);
    return key === null ? t("map.no_voice") : t("map.voice_number", {number: String(key)});
  };
  return [...groups]
    .sort(([one, ofOne], [other, ofOther]) => (one === null) - (other === null) || ofOther.length - ofOne.length)
    .map(([key, found]) => ({words: words(key, found[0]), points: found}));
}

/** Fill the section with the chosen points. `onpoint(point)` is called for one that is pointed at, `onclose` at the end. */
export function showChosen(section, scene, points, {onpoint, onclose}) {
  const groups = grouped(scene, points);
  const list = el("div", {class: "map-groups"});
  const more = button(t("map.more"), () => fill(), {class: "quiet"});
  shown = [];
  let next = 0;
  function fill() {
    let room = A_TIME;
    for (; next < groups.length && room > 0; next++) {
      list.append(groupShown(scene, groups[next], onpoint));
      room -= groups[next].points.length;
    }
    more.hidden = next >= groups.length;
  }
  fill();
  const [counts, among] = summed(scene, points, groups);
  section.replaceChildren(
    el("div", {class: "row spread"}, el("h2", {tabindex: "-1"}, counts), button(t("map.clear"), onclose)),
    el("p", {class: "muted small"}, among),
    list,
    more,
  );
  section.hidden = false;
  section.querySelector("h2").focus({preventScroll: true});
}

function summed(scene, {length: count}, groups) {
  if (scene.kind === "lines") return [t("map.chosen_lines", {count}), t("map.in_characters", {count: groups.length})];
  const voices = groups.filter(({points: [first]}) => scene.voice(first) !== null);
  return [t("map.chosen", {count}), t("map.in_voices", {count: voices.length})];
}

function groupShown(scene, {words, points}, onpoint) {
  const rows = points.slice(0, A_TIME).map((point) => rowShown(scene, point, onpoint));
  const left = points.length - rows.length;
  return el(
    "section",
    {class: "map-group"},
    el("h3", {}, words, " ", el("span", {class: "muted small"}, t("map.of_these", {count: points.length}))),
    el("ul", {class: "map-rows"}, rows),
    left > 0 ? el("p", {class: "muted small"}, t("map.and_more", {count: left})) : null,
  );
}

function rowShown(scene, point, onpoint) {
  const name = scene.name(point);
  const game = scene.game(point);
  const toggle = () => (isHeard(scene, point) ? hush() : hear(scene, point));
  const heard = button(t("map.hear_name", {name}), toggle, {class: "quiet icon-only"}, icon("play"));
  shown.push([scene, point, heard]);
  const like = likeAddress(scene, point);
  const character = scene.character(point);
  const beside = scene.kind === "characters" ? game.title : t("map.line_number", {number: String(scene.ids[point])});
  return el(
    "li",
    {onpointerenter: () => onpoint(point), onfocusin: () => onpoint(point)},
    heard,
    el(
      "div",
      {class: "map-who"},
      scene.kind === "characters" && has("characters") ? characterLink(character) : said(name),
      el("span", {class: "muted small"}, said(beside)),
    ),
    like ? el("a", {class: "small", href: like, "aria-label": t("map.like_name", {name})}, t("map.like")) : null,
  );
}

output.addEventListener("change", () => {
  for (const [scene, point, heard] of shown) {
    const now = isHeard(scene, point);
    if (now === (heard.dataset.heard === "true")) continue;
    heard.dataset.heard = now;
    heard.replaceChildren(icon(now ? "pause" : "play"));
  }
});
