// What became of voices, in words.

import {get} from "../shared/api.js";
import {el, said} from "../shared/dom.js";
import {characterLink, linked} from "../shared/links.js";
import {t} from "../shared/words.js";

const MOST_NAMED = 4; // characters of one change

const WORDS = {
  first: ({voices}) => t("judging.change_first", {count: voices}),
  relinked: () => t("judging.change_relinked"),
  new: () => t("judging.change_new"),
  split: () => t("judging.change_split"),
  ended: () => t("judging.change_ended"),
  merged: () => t("judging.change_merged"),
  joined: ({characters}) => t("judging.change_joined", {count: characters.length}),
  left: ({characters}) => t("judging.change_left", {count: characters.length}),
};

/** The changes since a time, newest first; of all times where `since` is null. */
export async function changesSince(since, limit) {
  const {changes} = await get("/v1/voices/changes", {limit});
  return since === null ? changes : changes.filter((change) => change.at > since);
}

/** A sentence on one change, its voices and characters linked. */
export function changeShown(change) {
  const parts = {voice: voiceLink(change.voice), other: voiceLink(change.other_voice), who: namesShown(change.characters)};
  const words = WORDS[change.kind](change).split(/\[(\w+)\]/); // every second one is the name of a part
  return el("span", {class: "change"}, words.map((word, place) => (place % 2 ? parts[word] : word)));
}

/** Changes one after another; that there are none, too. */
export function changesSaid(changes) {
  return changes.length ? changes.flatMap((change) => [changeShown(change), " "]) : [t("judging.no_change")];
}

/** A voice by its number, linked. */
export function voiceLink(id) {
  return id === null ? "" : linked("voices", `/voices?voice=${id}`, t("judging.voice", {id: String(id)}));
}

function namesShown(characters) {
  const named = characters.slice(0, MOST_NAMED).flatMap((one, place) => [place ? t("judging.and") : "", characterLink(one)]);
  const rest = characters.length - MOST_NAMED;
  return el("span", {}, named, rest > 0 ? said(t("judging.others", {count: rest})) : null);
}
