// An answer as people read it: one sentence, what to mind, and a card for each match.

import {lineAction, lineShown} from "../player/line.js";
import {button, el, said} from "../shared/dom.js";
import {likelyShown} from "../shared/likely.js";
import {characterLink, gameLink, linked} from "../shared/links.js";
import {number, percent, t} from "../shared/words.js";
import {warningsShown} from "./warnings.js";

const VERY_LIKELY = 0.9;
const MAYBE = 0.5;

/** The answer's sentence and its warnings; `question` is what was asked. */
export function verdictShown(answer, question) {
  const matches = answer.matches.filter((match) => !isAsked(match, question));
  const heading = el("h2", {}, ...sentence({...answer, matches}, question.by));
  const {nobody} = answer;
  const chance = nobody !== null ? el("p", {class: "muted"}, t("search.nobody_chance", {chance: percent(nobody)})) : null;
  return el("div", {class: "verdict"}, heading, chance, warningsShown(answer.query.warnings));
}

/** Whether a match is a character that was asked with, or one whose line was: nobody wants to be told that. */
function isAsked({character, hits}, {like}) {
  const clips = new Set(hits.map((hit) => hit.clip.id));
  return like.some(({noun, id}) => (noun === "character" && id === character?.id) || (noun === "clip" && clips.has(id)));
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
export function matchShown(match, question, ask) {
  const {by} = question;
  const lines = match.hits.map((hit) => lineShown(hit.clip, {actions: lineActions(hit.clip, match.character?.game.title, ask)}));
  return el("li", {class: "card"}, el("div", {class: "match"}, whoShown(match, by, isAsked(match, question), ask), el("div", {class: "match-lines"}, lines)));
}

function whoShown({character, probability, score}, by, asked, ask) {
  const similarity = t("search.similarity", {value: number(Math.round(score * 100) / 100)});
  const likely = by === "clip" ? el("p", {class: "muted small"}, similarity) : likelyShown(probability);
  if (character === null) return el("div", {class: "match-who"}, el("h3", {}, t("base.unknown_speaker")), likely);
  const game = el("p", {}, gameLink(character.game), el("span", {class: "muted"}, " · ", said(character.game.maker.name)));
  const who = el("div", {class: "match-who"}, el("h3", {}, characterLink(character)), game);
  if (asked) who.append(el("p", {}, el("span", {class: "chip"}, t("search.asked"))));
  if (by === "clip") {
    who.append(likely);
    return who;
  }
  const example = {noun: "character", id: character.id};
  who.append(el("p", {class: "muted small"}, t("base.clips", {count: character.clips})));
  if (character.voice) {
    const voice = t("search.voice", {id: String(character.voice)});
    who.append(el("p", {class: "small"}, linked("voices", `/voices?voice=${character.voice}`, voice)));
  }
  const more = button(t("search.more_like"), () => ask({like: [example], game: character.game.title}), {class: "quiet"});
  const unlike = button(t("search.unlike"), () => ask({unlike: example}), {class: "quiet"});
  who.append(likely, el("div", {class: "row"}, more, unlike));
  return who;
}

function lineActions(clip, game, ask) {
  const example = {noun: "clip", id: clip.id};
  return [
    lineAction(t("search.more_like_line"), "search", () => ask({like: [example], game})),
    lineAction(t("search.unlike_line"), "unlike", () => ask({unlike: example})),
  ];
}
