// Who judges: the name of the key that somebody signed in with, or else a name that is asked once and kept here.

import {button, el} from "../shared/dom.js";
import {t} from "../shared/words.js";

const KEPT_AS = "spksearch_author";
const MAX_AUTHOR = 100; // as the API has it

/** Whether people sign in: then the server knows who judges. */
export const signedIn = document.querySelector('form[action="/sign-out"]') !== null;

/** The name that is kept; "" before it was asked. */
export function keptAuthor() {
  return localStorage.getItem(KEPT_AS) ?? "";
}

/** Who judges, asked where nobody knows: null for whoever signed in, undefined for somebody who does not want to say. */
export async function whoJudges() {
  if (signedIn) return null;
  return keptAuthor() || askAuthor();
}

let asking = null;

/** Ask for a name; undefined when it is not given. */
export function askAuthor() {
  asking ??= asked().finally(() => (asking = null));
  return asking;
}

function asked() {
  const input = el("input", {type: "text", id: "author-name", maxlength: MAX_AUTHOR, required: true, autocomplete: "nickname"});
  input.value = keptAuthor();
  const dialog = el("dialog", {class: "card ask", "aria-labelledby": "author-heading"});
  const form = el(
    "form",
    {class: "field"},
    el("h2", {id: "author-heading"}, t("judging.who")),
    el("p", {class: "muted"}, t("judging.who_why")),
    el("label", {for: "author-name"}, t("judging.name")),
    input,
    el("div", {class: "row"}, el("button", {class: "primary"}, t("judging.keep_name")), button(t("judging.cancel"), () => dialog.close())),
  );
  dialog.append(form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let name;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      name = input.value.trim() || undefined;
      if (name) localStorage.setItem(KEPT_AS, name);
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(name);
    });
    dialog.showModal();
  });
}
