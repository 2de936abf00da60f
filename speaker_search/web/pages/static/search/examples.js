// What was asked with: a line to hear for each sound and clip, a name for each character and voice.

import {lineAction, lineShown} from "../player/line.js";
import {get} from "../shared/api.js";
import {button, el, icon, said} from "../shared/dom.js";
import {characterLink, linked} from "../shared/links.js";
import {t} from "../shared/words.js";

/** The element of an example, with a button that removes it; what the catalog knows of it is filled in as it arrives. */
export function exampleShown(example, removed) {
  if (example.noun === "sound") return soundShown(example, removed);
  const [fill, words] = {
    clip: [clipShown, "search.example_clip"],
    character: [characterShown, "search.example_character"],
    voice: [null, "search.voice"],
  }[example.noun];
  const name = t(words, {id: String(example.id)});
  const frame = el("div", {}, el("div", {class: "asked-entity"}, voiceOr(example, name), removal(name, removed)));
  // What the catalog does not have is said by the search itself.
  fill?.(example.id, removed).then((shown) => frame.replaceChildren(...shown), () => {});
  return frame;
}

function voiceOr(example, name) {
  return example.noun === "voice" ? linked("voices", `/voices?voice=${example.id}`, name) : el("span", {}, name);
}

function soundShown(sound, removed) {
  const source = {audio: sound.blob, text: "", seconds: null};
  const line = lineShown(source, {label: sound.name, actions: [removal(sound.name, removed)]});
  line.querySelector(".line-body").prepend(said(sound.name, {class: "asked-name"}, "p"));
  return line;
}

async function clipShown(id, removed) {
  const clip = await get(`/v1/clips/${id}`);
  const who = clip.character ? clip.character.name : t("base.unknown_speaker");
  const line = lineShown(clip, {actions: [removal(clip.text || who, removed)]});
  const name = el("p", {class: "asked-name muted small"}, said(who), " – ", said(clip.game.title));
  line.querySelector(".line-body").prepend(name);
  return [line];
}

/** A character by its name, and one of its lines to compare with. */
async function characterShown(id, removed) {
  const [character, {clips}] = await Promise.all([
    get(`/v1/characters/${id}`),
    get("/v1/clips", {character_id: id, state: "embedded", limit: 1}),
  ]);
  const name = el("span", {}, characterLink(character), " – ", said(character.game.title));
  return [el("div", {class: "asked-entity"}, name, removal(character.name, removed)), ...clips.map((clip) => lineShown(clip))];
}

function removal(name, removed) {
  return lineAction(t("base.remove", {name}), "close", removed);
}

/** A chip with a name that can be taken away. */
export function chipShown(name, removed) {
  return el("span", {class: "chip"}, said(name), button(t("base.remove", {name}), removed, {class: "quiet"}, icon("close")));
}
