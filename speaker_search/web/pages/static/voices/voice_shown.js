// One voice: its roles, who may speak them, and, once it is opened, a line of each and its weakest member to judge.

import {actorShown} from "../judging/credited.js";
import {comparedLines} from "../judging/pair_lines.js";
import {verdictButtons} from "../judging/verdicts.js";
import {gameOf, whoShown} from "../judging/who.js";
import {lineShown} from "../player/line.js";
import {get} from "../shared/api.js";
import {button, el} from "../shared/dom.js";
import {likelyShown, likelyWords} from "../shared/likely.js";
import {characterLink} from "../shared/links.js";
import {problemShown} from "../shared/problems.js";
import {percent, t} from "../shared/words.js";

const LISTED = 12; // roles of a voice that is not opened

/** The card of a voice; `likely` are the likely actors of uncredited characters. */
export function voiceShown(voice, likely, {open = false} = {}) {
  const roles = el("ul", {class: "roles"});
  const below = el("div", {class: "opened"});
  const listen = button(t("voices.listen"), () => show(true), {"aria-expanded": String(open)});
  const card = el("article", {class: "card voice"}, heading(voice, likely, open), roles, below, open ? null : el("div", {class: "row"}, listen));

  function show(opened) {
    const shown = opened ? voice.characters : voice.characters.slice(0, LISTED);
    const rest = voice.characters.length - shown.length;
    roles.replaceChildren(...shown.map((one) => roleShown(one, likely.get(one.id), opened)));
    if (rest) roles.append(el("li", {class: "muted small"}, t("voices.rest", {count: rest})));
    if (opened) {
      listen.hidden = true;
      below.replaceChildren(weakestShown(voice));
    }
  }

  show(open);
  return card;
}

function heading(voice, likely, open) {
  const name = t("judging.voice", {id: String(voice.id)});
  const title = open ? name : el("a", {href: `/voices?voice=${voice.id}`}, name);
  const [guess] = voice.characters.map(({id}) => likely.get(id)).filter(Boolean);
  const actor = voice.voice_actor ? actorShown({voice_actor: voice.voice_actor}) : guess ? actorShown(guess) : null;
  const whole = el("p", {class: "muted small"}, t("voices.whole", {count: voice.characters.length, words: likelyWords(voice.probability), chance: percent(voice.probability)}));
  return el("div", {class: "row spread"}, el("div", {}, el("h2", {}, title), whole), actor);
}

function roleShown(character, guess, opened) {
  const name = el("div", {class: "role-who"}, el("strong", {}, characterLink(character)), gameOf(character));
  const hints = [
    character.doubling ? el("span", {class: "chip"}, t("voices.doubling")) : null,
    guess ? actorShown(guess) : null,
  ];
  const line = opened ? firstLine(character) : null;
  return el("li", {class: "role"}, name, el("div", {class: "role-likely"}, likelyShown(character.probability)), line, el("div", {class: "row"}, hints));
}

/** The first line of a character, once it is there. */
function firstLine(character) {
  const place = el("div", {class: "role-line"});
  firstClip(character).then(
    (clip) => place.replaceChildren(clip ? lineShown(clip) : el("p", {class: "muted small"}, t("voices.no_line"))),
    (error) => place.replaceChildren(problemShown(error)),
  );
  return place;
}

async function firstClip({id}) {
  const {clips} = await get("/v1/clips", {character_id: id, state: "embedded", limit: 1});
  return clips[0] ?? null;
}

/** The member that fits least, beside the one that fits best: to judge. */
function weakestShown({characters}) {
  const sorted = [...characters].sort((a, b) => a.probability - b.probability);
  const [weakest, surest] = [sorted[0], sorted.at(-1)];
  const place = el("div", {class: "pair"});
  const buttons = verdictButtons(weakest, surest);
  Promise.all([firstClip(weakest), firstClip(surest)]).then(
    (clips) => {
      if (clips.includes(null)) return;
      const lines = comparedLines(...clips);
      place.append(...[weakest, surest].map((one, which) => el("div", {class: "side"}, whoShown(one), lines[which])));
    },
    (error) => place.replaceWith(problemShown(error)),
  );
  return el("section", {class: "weakest"}, el("h3", {}, t("voices.weakest")), el("p", {class: "muted small"}, t("voices.weakest_why")), place, buttons);
}
