// Who is known, or likely, to speak whom.

import {get} from "../shared/api.js";
import {el, said} from "../shared/dom.js";
import {percent, t} from "../shared/words.js";

/** The likely actors of uncredited characters by the character's id: {voice_actor, probability}. */
export async function likelyActors() {
  const {characters} = await get("/v1/credits/likely");
  return new Map(characters.map((one) => [one.character.id, one]));
}

/** A name with how it is known: credited, or with a probability. */
export function actorShown({voice_actor: name, probability = null}) {
  const how = probability === null ? t("judging.credited") : t("judging.likely_actor", {chance: percent(probability)});
  return el("span", {class: "chip"}, said(name), " ", el("span", {class: "muted"}, how));
}
