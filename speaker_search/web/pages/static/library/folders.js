// Choosing a folder of the server, by pointer or by keyboard: arrows go through the folders, Enter opens one.

import {get} from "../shared/api.js";
import {button, el, said} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {t} from "../shared/words.js";

/** Ask for a folder, beginning with those that may be taken in; null when none was chosen. */
export function askFolder() {
  const here = el("p", {id: "folder-here", class: "small", role: "status"});
  const list = el("ul", {class: "folders"});
  const choose = button(t("ingest.choose"), () => close(place), {class: "primary"});
  const dialog = el(
    "dialog",
    {class: "card folder-dialog", "aria-labelledby": "folder-heading", onkeydown: move},
    el("h2", {id: "folder-heading"}, t("ingest.which_folder")),
    here,
    list,
    el("div", {class: "row"}, choose, button(t("ingest.leave"), () => close(null))),
  );
  let place = null; // the folder looked into; null for the roots
  let chosen = null;

  function close(path) {
    chosen = path;
    dialog.close();
  }

  async function look(path) {
    list.setAttribute("aria-busy", "true");
    try {
      show(await get("/v1/folders", {path}));
    } catch (error) {
      list.replaceChildren(el("li", {}, problemShown(error)), ...(path === null ? [] : [entry(t("ingest.up"), () => look(null))]));
    }
    list.removeAttribute("aria-busy");
    (list.querySelector("button") ?? choose).focus();
  }

  function show({path, parent, folders, complete}) {
    place = path;
    choose.disabled = path === null;
    here.replaceChildren(path === null ? t("ingest.allowed_folders") : said(path));
    const up = path === null ? [] : [entry(t("ingest.up"), () => look(parent))];
    const inside = folders.map((folder) => entry(said(path === null ? folder.path : folder.name), () => look(folder.path)));
    const none = folders.length ? [] : [el("li", {class: "muted small"}, t("ingest.no_more_folders"))];
    const rest = complete ? [] : [el("li", {class: "muted small"}, t("ingest.not_all_folders"))];
    list.replaceChildren(...up, ...inside, ...none, ...rest);
  }

  function entry(words, onclick) {
    return el("li", {}, el("button", {type: "button", class: "quiet", onclick}, words));
  }

  function move(event) {
    const by = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (!by) return;
    const buttons = [...list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement) + by;
    buttons[Math.min(Math.max(at, 0), buttons.length - 1)]?.focus();
    event.preventDefault();
  }

  document.body.append(dialog);
  dialog.showModal();
  look(null);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(chosen);
    });
  });
}
