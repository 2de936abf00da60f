// An answer as people read it: one sentence, what to mind, and a card for each match.

import {lineAction, lineShown} from "../player/line.js";
import {button, el, said} from "../shared/dom.js";
import {likelyShown} from "../shared/likely.js";
import {characterLink, gameLink, linked} from "../shared/links.js";
import {number, percent, t} from "../shared/words.js";
import {warningsShown} from "./warnings.js";

const VERY_LIKELY = 0.9;
const MAYBE = 0.5;

/** The answer's sentence and its warnings; `by` is what matches are. */
export function verdictShown(answer, by) {
  const heading = el("h2", {tabindex: "-1"}, ...sentence(answer, by));
  const {nobody} = answer;
  const chance = nobody !== null ? el("p", {class: "muted"}, t("search.nobody_chance", {chance: percent(nobody)})) : null;
  return el("div", {class: "verdict"}, heading, chance, warningsShown(answer.query.warnings));
}

function sentence({matches, nobody}, by) {
  if (!matches.length) return [t("search.none")];
  const [first] = matches;
  if (by === "clip") return [t("search.nearest_lines")];
  if (first.probability === null) return [t("search.nearest")];
  if (nobody !== null && nobody >= first.probability) return [t("search.nobody")];
  const sure = matches.filter((one) => one.probability >= VERY_LIKELY).length;
  if (sure > 1) return [t("search.several", {count: sure})];
  const name = said(first.character.name);
  if (first.probability >= VERY_LIKELY) return around(t("search.very_likely"), name);
  return first.probability >= MAYBE ? around(t("search.maybe"), name) : [t("search.unlikely")];
}

/** A sentence with an element in place of "…", wherever a language has it. */
function around(words, element) {
  const [before, after] = words.split("…");
  return [before, element, after];
}

/** The card of a match. `ask` goes on from it: {like: [...], game: its title} asks anew, {unlike: example} adds. */
export function matchShown(match, by, ask) {
  const lines = match.hits.map((hit) => lineShown(hit.clip, {actions: lineActions(hit.clip, match.character?.game.title, ask)}));
  return el("li", {class: "card"}, el("div", {class: "match"}, whoShown(match, by, ask), el("div", {class: "match-lines"}, lines)));
}

function whoShown({character, probability, score}, by, ask) {
  const likely = by === "clip" ? el("p", {class: "small"}, t("search.similarity", {value: number(Math.round(score * 100) / 100)})) : likelyShown(probability);
  if (character === null) return el("div", {class: "match-who"}, el("h3", {}, t("base.unknown_speaker")), likely);
  const example = {noun: "character", id: character.id};
  const game = el("p", {}, gameLink(character.game), el("span", {class: "muted"}, " · ", said(character.game.maker.name)));
  const voice = character.voice ? el("p", {class: "small"}, linked("voices", `/voices?voice=${character.voice}`, t("search.voice", {id: String(character.voice)}))) : null;
  return el(
    "div",
    {class: "match-who"},
    el("h3", {}, characterLink(character)),
    game,
    el("p", {class: "muted small"}, t("base.clips", {count: character.clips})),
    voice,
    likely,
    el(
      "div",
      {class: "row"},
      button(t("search.more_like"), () => ask({like: [example], game: character.game.title}), {class: "quiet"}),
      button(t("search.unlike"), () => ask({unlike: example}), {class: "quiet"}),
    ),
  );
}

function lineActions(clip, game, ask) {
  const example = {noun: "clip", id: clip.id};
  return [
    lineAction(t("search.more_like_line"), "search", () => ask({like: [example], game})),
    lineAction(t("search.unlike_line"), "unlike", () => ask({unlike: example})),
  ];
}
