// A question as plain data: what the voice should be like and unlike, and which matches are wanted. In the page's address
// it is kept but for its sounds, which no address can hold.

import {searchParameters} from "../shared/api.js";

const NOUNS = ["clip", "character", "voice"];
export const LISTS = ["maker", "game", "exclude_maker", "exclude_game"];
export const LIMIT = 10;

/** Nothing asked yet. An example is {noun: "sound", blob, name} or {noun: "clip" | "character" | "voice", id}; `own_game`
 * is the game that was excluded as the example's own; `split_speakers` asks for each of the people in one sound. */
export function emptyQuestion() {
  const names = {maker: [], game: [], exclude_maker: [], exclude_game: []};
  return {like: [], unlike: [], ...names, by: "character", min_clips: 1, own_game: null, split_speakers: false};
}

/** The question of an address. */
export function questionOf(address) {
  const parameters = new URLSearchParams(address);
  const question = emptyQuestion();
  for (const noun of NOUNS) {
    for (const [list, name] of [[question.like, noun], [question.unlike, `unlike_${noun}`]]) {
      for (const id of parameters.getAll(name)) if (/^[1-9]\d{0,17}$/.test(id)) list.push({noun, id: Number(id)});
    }
  }
  for (const name of LISTS) question[name] = parameters.getAll(name);
  if (["voice", "game", "clip"].includes(parameters.get("by"))) question.by = parameters.get("by");
  question.min_clips = Math.max(1, Math.trunc(Number(parameters.get("min_clips"))) || 1);
  return question;
}

/** The query part of the address of a question: its ids and its filters. */
export function addressOf(question) {
  const parameters = {};
  for (const noun of NOUNS) {
    parameters[noun] = question.like.filter((one) => one.noun === noun).map((one) => one.id);
    parameters[`unlike_${noun}`] = question.unlike.filter((one) => one.noun === noun).map((one) => one.id);
  }
  for (const name of LISTS) parameters[name] = question[name];
  parameters.by = question.by === "character" ? null : question.by;
  parameters.min_clips = question.min_clips > 1 ? question.min_clips : null;
  return searchParameters(parameters).toString();
}

/** Whether there is anything to search with. */
export function isAsked(question) {
  return question.like.length > 0;
}

/** Whether a part of the question is a sound, which its address leaves out. */
export function hasSounds(question) {
  return [...question.like, ...question.unlike].some((one) => one.noun === "sound");
}

/** How many filters are set. */
export function filtersSet(question) {
  return LISTS.filter((name) => question[name].length).length + (question.min_clips > 1) + (question.by !== "character");
}

/** The body of POST /v1/search: a document, or a form with the sounds beside it. */
export function bodyOf(question) {
  const {by, min_clips, split_speakers} = question;
  const asked = {limit: LIMIT, by, min_clips, split_speakers, like: references(question.like), unlike: references(question.unlike)};
  for (const name of LISTS) asked[name] = question[name];
  if (!hasSounds(question)) return asked;
  const form = new FormData();
  for (const [list, part] of [[question.like, "audio"], [question.unlike, "unlike"]]) {
    for (const one of list) if (one.noun === "sound") form.append(part, one.blob, "sound");
  }
  form.append("query", JSON.stringify(asked));
  return form;
}

function references(examples) {
  return examples.filter((one) => one.noun !== "sound").map(({noun, id}) => ({[noun]: id}));
}
