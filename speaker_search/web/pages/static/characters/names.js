// Renaming a character, merging it into another one, and taking either back.

import {signedIn, whoJudges} from "../judging/author.js";
import {field, suggest} from "../judging/suggest.js";
import {get, post, remove} from "../shared/api.js";
import {button, el, said} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {language, t} from "../shared/words.js";

const LATEST = 100; // edits looked through for those of this character
const times = new Intl.DateTimeFormat(language, {dateStyle: "medium"});

/** The section for a character's name. */
export function namesShown(character) {
  const wrong = el("div");
  const edits = el("ul", {class: "lines"});
  const rename = field("new-name", t("characters.new_name"), character.name, {required: true});
  const merge = field("merge-into", t("characters.merge_into"), "", {required: true});
  suggest(merge.input, "/v1/characters", ({characters}) => characters.filter(({id}) => id !== character.id).map(addressOf));
  showEdits(edits, character, wrong);
  return el(
    "section",
    {class: "card", "aria-labelledby": "names"},
    el("h2", {id: "names"}, t("characters.names")),
    el("p", {class: "muted small"}, t("characters.names_why")),
    form(rename, t("characters.rename"), () => edit("rename", rename.input.value.trim())),
    form(merge, t("characters.merge"), () => edit("merge", merge.input.value.trim())),
    wrong,
    edits,
  );

  async function edit(kind, to) {
    const author = await whoJudges();
    if (author === undefined) return;
    await tried(wrong, () => post("/v1/edits", {kind, noun: "character", what: String(character.id), to, author}));
  }
}

function form({element}, words, work) {
  const whole = el("form", {class: "name-form"}, element, el("button", {}, words));
  whole.addEventListener("submit", (event) => {
    event.preventDefault();
    work();
  });
  return whole;
}

/** What was done to this character's name, each with its undo. */
async function showEdits(list, character, wrong) {
  try {
    const {edits} = await get("/v1/edits", {limit: LATEST});
    const own = edits.filter((edit) => edit.noun === "character" && edit.row_id === character.id && edit.undone_at === null);
    list.replaceChildren(...own.map((edit) => el("li", {class: "row spread"}, editShown(edit), button(t("judging.undo"), () => undo(edit), {class: "quiet"}))));
  } catch (error) {
    list.replaceWith(problemShown(error));
  }

  async function undo({id}) {
    const author = await whoJudges();
    if (author !== undefined) await tried(wrong, () => remove(`/v1/edits/${id}`, {author: signedIn ? null : author}));
  }
}

function editShown({kind, before, after, author, at}) {
  const words = kind === "rename" ? t("characters.renamed") : t("characters.merged");
  return el("span", {}, words, " ", said(before), " → ", said(after), el("span", {class: "muted small"}, " · ", said(author), " · ", times.format(new Date(at))));
}

/** Do it and show the page anew, or say what is wrong. */
async function tried(wrong, work) {
  try {
    await work();
    location.reload();
  } catch (error) {
    wrong.replaceChildren(problemShown(error));
  }
}

function addressOf({name, game}) {
  return `${game.maker.name}/${game.title}/${name}`;
}
