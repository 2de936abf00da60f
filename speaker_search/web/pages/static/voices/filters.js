// Filters of the voices. They are in the address, so that it can be kept and shared.

import {field, suggest} from "../judging/suggest.js";
import {button, el} from "../shared/dom.js";
import {t} from "../shared/words.js";

const ROLES = [2, 3, 4, 6, 10];

/** What an address asks for, as the parameters of the API. */
export function filtersOf(address) {
  const asked = new URLSearchParams(address);
  const text = (name) => asked.get(name)?.trim() || null;
  const least = Number.parseInt(asked.get("min_characters") ?? "", 10);
  return {maker: text("maker"), game: text("game"), voice_actor: text("voice_actor"), min_characters: least > 2 ? least : null};
}

/** The form that changes them: it opens the page anew. */
export function filtersShown({maker, game, voice_actor: actor, min_characters: least}) {
  const fields = [field("maker", t("voices.maker"), maker), field("game", t("voices.game"), game), field("voice_actor", t("voices.actor"), actor)];
  suggest(fields[0].input, "/v1/makers", ({makers}) => makers.map(({name}) => name));
  suggest(fields[1].input, "/v1/games", ({games}) => games.map(({title}) => title));
  const roles = el("select", {id: "min_characters", name: "min_characters"});
  for (const count of ROLES) roles.append(el("option", {value: count, selected: count === (least ?? 2)}, t("voices.or_more", {count})));
  const form = el(
    "form",
    {class: "card filters"},
    fields.map(({element}) => element),
    el("div", {class: "field"}, el("label", {for: "min_characters"}, t("voices.roles")), roles),
    el("div", {class: "row"}, el("button", {class: "primary"}, t("judging.filter")), button(t("voices.clear"), () => location.assign("/voices"), {class: "quiet"})),
  );
  form.addEventListener("submit", () => {
    for (const input of form.elements) input.disabled = input.value === ""; // so that the address stays short
  });
  return form;
}
