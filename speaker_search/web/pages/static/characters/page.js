// A character: who it is, who sounds like it, its lines, and its name.

import {voiceLink} from "../judging/changes.js";
import {actorShown, likelyActors} from "../judging/credited.js";
import {listenToPairs} from "../judging/pair_lines.js";
import {get} from "../shared/api.js";
import {el, said} from "../shared/dom.js";
import {gameLink, linked} from "../shared/links.js";
import {pageProblemShown, problemShown} from "../shared/problems.js";
import {percent, t} from "../shared/words.js";
import {linesShown, refusedShown} from "./lines.js";
import {namesShown} from "./names.js";
import {nearestShown} from "./nearest.js";
import {stylesShown} from "./styles.js";

const root = document.getElementById("character");
const about = document.getElementById("character-about");
listenToPairs(root);
start(location.pathname.split("/").pop());

async function start(id) {
  try {
    const character = await get(`/v1/characters/${id}`);
    document.title = `${character.name} – ${document.title}`;
    document.querySelector("h1").replaceChildren(said(character.name));
    const {game} = character;
    const facts = el("p", {class: "muted"}, gameLink(game), " · ", said(game.maker.name), " · ", t("base.clips", {count: character.clips}));
    about.replaceChildren(facts, knownShown(character));
    // By the id that it has since it was merged into another.
    root.replaceChildren(nearestShown(character), stylesShown(character), linesShown(character), refusedShown(character), namesShown(character));
  } catch (error) {
    root.replaceChildren(pageProblemShown(error));
  }
}

/** The voice that it belongs to, and who speaks it. */
function knownShown({id}) {
  const place = el("div", {class: "row known"});
  const asked = [get("/v1/voices", {character_id: id}), get("/v1/credits", {character_id: id}), likelyActors()];
  Promise.all(asked).then(
    ([{voices}, {credits}, likely]) => {
      const [voice] = voices;
      const probability = voice?.characters.find((one) => one.id === id)?.probability;
      const chance = probability === undefined || probability === null ? "" : percent(probability);
      const belongs = voice ? el("span", {}, voiceLink(voice.id), " ", el("span", {class: "muted small"}, t("characters.in_voice", {count: voice.characters.length, chance}))) : el("span", {class: "muted"}, t("characters.no_voice"));
      const actors = credits.length ? credits.map(actorShown) : likely.has(id) ? [actorShown(likely.get(id))] : [el("span", {class: "muted small"}, t("characters.no_credit"))];
      place.replaceChildren(belongs, ...actors, linked("search", `/search?character=${id}`, t("characters.search")));
    },
    (error) => place.replaceChildren(problemShown(error)),
  );
  return place;
}
