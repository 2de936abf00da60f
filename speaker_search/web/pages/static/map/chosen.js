// The points that a lasso chose, as a list by recurring voice, each to hear.

import {button, el, icon, said} from "../shared/dom.js";
import {characterLink, has} from "../shared/links.js";
import {t} from "../shared/words.js";
import {likeAddress} from "./card.js";
import {hear, hush, isHeard, output} from "./hearing.js";

const A_TIME = 100; // rows shown, until more are asked for

let shown = []; // [scene, point, its button] of every row

/**
 * Groups of points, [{words, points}]: characters by voice, then lines by character; the largest first, and last those
 * without a voice or a known speaker.
 */
function grouped(scene, points) {
  const lines = points.filter((point) => scene.isLine(point));
  const voiceWords = (point) => {
    const voice = scene.voice(point);
    return voice === null ? t("map.no_voice") : t("map.voice_number", {number: String(voice)});
  };
  return [
    ...groupedBy(points.filter((point) => !scene.isLine(point)), (point) => scene.voice(point), voiceWords),
    ...groupedBy(lines, (point) => scene.character(point)?.id ?? null, (point) => scene.name(point)),
  ];
}

function groupedBy(points, keyOf, wordsOf) {
  return [...Map.groupBy(points, keyOf)]
    .sort(([one, ofOne], [other, ofOther]) => (one === null) - (other === null) || ofOther.length - ofOne.length)
    .map(([, found]) => ({words: wordsOf(found[0]), points: found}));
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

/** How many characters and lines are among the points, and of how many voices and characters, in words. */
function summed(scene, points, groups) {
  const ofLines = groups.filter(({points: [first]}) => scene.isLine(first));
  const voices = groups.filter(({points: [first]}) => !scene.isLine(first) && scene.voice(first) !== null);
  const lines = ofLines.reduce((sum, group) => sum + group.points.length, 0);
  const characters = points.length - lines;
  const [counts, among] = [[], []];
  if (characters) counts.push(t("map.chosen", {count: characters}));
  if (characters) among.push(t("map.in_voices", {count: voices.length}));
  if (lines) counts.push(t("map.chosen_lines", {count: lines}));
  if (lines) among.push(t("map.in_characters", {count: ofLines.length}));
  return [counts.join(t("map.comma")), among.join(" ")];
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
  const isLine = scene.isLine(point);
  const beside = isLine ? t("map.line_number", {number: String(scene.ids[point])}) : game.title;
  return el(
    "li",
    {onpointerenter: () => onpoint(point), onfocusin: () => onpoint(point)},
    heard,
    el(
      "div",
      {class: "map-who"},
      !isLine && has("characters") ? characterLink(character) : said(name),
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
