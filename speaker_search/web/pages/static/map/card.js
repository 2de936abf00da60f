// What is said about a point: a card beside it, which can be held and used once it is pinned.

import {button, el, icon, said} from "../shared/dom.js";
import {has} from "../shared/links.js";
import {t} from "../shared/words.js";

const AWAY_PX = 14; // from the point
const EDGE_PX = 4; // from the edge of the window

/** The address that a point leads to: its character's page, or a search for what sounds like it; null without either. */
export function addressOf(scene, point) {
  const character = scene.character(point);
  if (has("characters") && character) return `/characters/${character.id}`;
  return likeAddress(scene, point);
}

/** The address of a search for voices like a point; null without that page. */
export function likeAddress(scene, point) {
  return has("search") ? `/search?${scene.isLine(point) ? "clip" : "character"}=${scene.ids[point]}` : null;
}

/** What a card says, in one line, for screen readers. */
export function cardWords(scene, point, kin) {
  return [...facts(scene, point, kin).map((one) => one.textContent)].join(t("map.comma"));
}

function facts(scene, point, kin) {
  const game = scene.game(point);
  const voice = scene.voice(point);
  const lines = [said(scene.name(point), {class: "map-name"}, "strong"), said(`${game.title} · ${game.maker.name}`)];
  if (scene.isLine(point)) return lines;
  if (voice !== null) lines.push(el("span", {}, t("map.voice_roles", {number: String(voice), count: kin.length + 1})));
  else lines.push(el("span", {class: "muted"}, t("map.no_voice")));
  lines.push(el("span", {class: "muted"}, t("base.clips", {count: scene.clips[point]})));
  return lines;
}

/** Fill the card and put it beside a point at [left, top] of its window. `text` is the line's, once it is known. */
export function showCard(card, scene, point, kin, [left, top], {pinned, text, onplay, ongame, onclose}) {
  card.replaceChildren(...facts(scene, point, kin));
  if (text) card.firstElementChild.after(said(text, {class: "map-text"}));
  card.classList.toggle("is-pinned", pinned);
  if (pinned) card.append(actions(scene, point, {onplay, ongame}), closing(onclose));
  card.hidden = false;
  const {clientWidth: width, clientHeight: height} = card.parentElement;
  const [wide, tall] = [card.offsetWidth, card.offsetHeight];
  // To the right of the point, or to its left; in a narrow window below it, or above.
  let at = [left + AWAY_PX, top - tall / 2];
  if (at[0] + wide > width) at[0] = left - AWAY_PX - wide;
  if (at[0] < 0) at = [left - wide / 2, top + AWAY_PX + tall > height ? top - AWAY_PX - tall : top + AWAY_PX];
  card.style.left = `${within(at[0], width - wide)}px`;
  card.style.top = `${within(at[1], height - tall)}px`;
}

function within(place, most) {
  return Math.max(EDGE_PX, Math.min(place, most - EDGE_PX));
}

function actions(scene, point, {onplay, ongame}) {
  const character = scene.character(point);
  const like = likeAddress(scene, point);
  return el(
    "div",
    {class: "row map-actions"},
    button(t("map.hear"), onplay, {class: "icon-only primary"}, icon("play")),
    has("characters") && character ? el("a", {class: "button", href: `/characters/${character.id}`}, t("map.open")) : null,
    like ? el("a", {class: "button", href: like}, t("map.like")) : null,
    scene.kind === "characters" ? button(t("map.lines_of_game"), ongame) : null,
  );
}

function closing(onclose) {
  return button(t("map.close"), onclose, {class: "quiet icon-only map-close"}, icon("close"));
}
