// The characters of other games that sound most like one, each to be judged by one press.

import {pagedList} from "../judging/paged.js";
import {comparedLines} from "../judging/pair_lines.js";
import {verdictButtons} from "../judging/verdicts.js";
import {whoShown} from "../judging/who.js";
import {get} from "../shared/api.js";
import {el} from "../shared/dom.js";
import {likelyShown} from "../shared/likely.js";
import {percent, t} from "../shared/words.js";

const PAGE = 6;
const TRIES = 3;
const AGAIN_MS = 1000;
const VERDICTS = 1000; // of one character: more than anybody gives

const CASES = {
  same_role: () => t("characters.same_role"),
  same_actor: () => t("characters.same_actor"),
  sound_alike: () => t("characters.sound_alike"),
  different: () => t("characters.different"),
};

/** The section of the nearest characters. */
export function nearestShown(character) {
  const own = firstClip(character);
  const given = givenOn(character);
  const nobody = el("p", {class: "muted"});
  const load = async (cursor) => {
    const [answer, clip, verdicts] = await Promise.all([matches(character, cursor), own, given]);
    if (answer.nobody !== null) nobody.textContent = t("characters.nobody", {chance: percent(answer.nobody)});
    return {items: answer.matches.map((match) => ({match, clip, verdict: verdicts.get(match.character.id) ?? null})), next: answer.next};
  };
  const empty = el("p", {class: "muted"}, t("characters.nobody_near"));
  const list = pagedList(load, (one) => matchShown(character, one), {empty});
  return el("section", {class: "paged", "aria-labelledby": "nearest"}, el("h2", {id: "nearest"}, t("characters.nearest")), nobody, list);
}

/** A page of matches. Right after a merge or its undo, searches do not know the character's lines yet. */
async function matches({id}, cursor) {
  for (let left = TRIES; ; left--) {
    try {
      return await get(`/v1/characters/${id}/matches`, {limit: PAGE, cursor});
    } catch (error) {
      if (error.kind !== "usage" || cursor !== null || !left) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

function matchShown(character, {match, clip, verdict}) {
  const {character: near, probability, hits, relation} = match;
  const [hit] = hits;
  const lines = hit && clip ? comparedLines(clip, hit.clip).map((line, place) => el("div", {class: "side"}, el("span", {class: "muted small"}, place ? near.name : character.name), line)) : [];
  const told = relation ? el("p", {class: "small"}, CASES[relation.case](), " ", percent(relation[relation.case])) : null;
  const head = el("div", {class: "near"}, el("div", {}, whoShown(near, "h3"), el("p", {class: "muted small"}, t("base.clips", {count: near.clips})), told), likelyShown(probability));
  return el("li", {class: "card"}, head, el("div", {class: "pair"}, lines), verdictButtons(character, near, verdict));
}

async function firstClip({id}) {
  const {clips} = await get("/v1/clips", {character_id: id, state: "embedded", limit: 1});
  return clips[0] ?? null;
}

/** The verdicts that stand on a character, by the id of the other one. */
async function givenOn({id}) {
  const {verdicts} = await get("/v1/verdicts", {character: id, limit: VERDICTS});
  return new Map(verdicts.map((verdict) => [verdict.one.id === id ? verdict.other.id : verdict.one.id, verdict]));
}
