// What was asked with: a line to hear for each sound and clip, a name for each character and voice.

import {lineAction, lineShown} from "../player/line.js";
import {get} from "../shared/api.js";
import {button, el, icon, said} from "../shared/dom.js";
import {characterLink, linked} from "../shared/links.js";
import {t} from "../shared/words.js";

/** The element of an example, with a button that removes it; its names are filled in as they arrive. */
export function exampleShown(example, removed) {
  if (example.noun === "sound") {
    const source = {audio: example.blob, text: "", seconds: null};
    const line = lineShown(source, {label: example.name, actions: [removal(example.name, removed)]});
    line.querySelector(".line-body").prepend(said(example.name, {class: "asked-name"}, "p"));
    return line;
  }
  if (example.noun === "clip") {
    const frame = el("div", {class: "asked-entity"});
    get(`/v1/clips/${example.id}`).then((clip) => frame.replaceWith(clipShown(clip, removed)), missing);
    return frame;
  }
  const name = el("span", {});
  const frame = el("div", {class: "asked-entity"}, name, removal(t("search.example"), removed));
  if (example.noun === "character") {
    get(`/v1/characters/${example.id}`).then((one) => name.append(characterLink(one), ` – ${one.game.title}`), missing);
  } else {
    name.append(linked("voices", `/voices?voice=${example.id}`, t("search.voice", {id: String(example.id)})));
  }
  return frame;
}

function clipShown(clip, removed) {
  const who = clip.character ? clip.character.name : t("base.unknown_speaker");
  const line = lineShown(clip, {actions: [removal(clip.text || who, removed)]});
  line.querySelector(".line-body").prepend(said(`${who} – ${clip.game.title}`, {class: "asked-name muted small"}, "p"));
  return line;
}

function removal(name, removed) {
  return lineAction(t("base.remove", {name}), "close", removed);
}

/** A chip with a name that can be taken away. */
export function chipShown(name, removed) {
  return el("span", {class: "chip"}, said(name), button(t("base.remove", {name}), removed, {class: "quiet"}, icon("close")));
}

// The search itself says what the catalog does not have.
function missing() {}
