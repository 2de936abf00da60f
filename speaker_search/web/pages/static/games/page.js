// A game's cast sheet: who its characters sound like elsewhere, and who may speak its lines of unknown speakers.

import {listenToPairs} from "../judging/pair_lines.js";
import {get} from "../shared/api.js";
import {el, said} from "../shared/dom.js";
import {has, linked} from "../shared/links.js";
import {pageProblemShown} from "../shared/problems.js";
import {fromServer} from "../shared/server_words.js";
import {t} from "../shared/words.js";
import {sheetCharacterShown} from "./sheet_character.js";
import {unknownShown} from "./unknown.js";

const AT_ONCE = 20; // characters shown before the page is scrolled

const root = document.getElementById("game");
const id = location.pathname.split("/").pop();
listenToPairs(root);
start();

async function start() {
  try {
    const [game, sheet] = await Promise.all([get(`/v1/games/${id}`), get(`/v1/games/${id}/cast`)]);
    document.title = `${game.title} – ${document.title}`;
    document.querySelector("h1").replaceChildren(said(game.title));
    const about = el("p", {class: "muted"}, linked("voices", `/voices?maker=${encodeURIComponent(game.maker.name)}`, game.maker.name), " · ", t("games.characters", {count: game.characters}));
    const voices = el("p", {}, linked("voices", `/voices?game=${encodeURIComponent(game.title)}`, t("games.voices")));
    const library = has("library") ? el("p", {}, el("a", {href: "/library"}, t("games.all"))) : null;
    const warnings = sheet.warnings.map((warning) => el("p", {class: "note"}, fromServer(warning)));
    const nobody = sheet.sheet.length ? [] : [el("p", {class: "card"}, t("games.empty"))];
    document.getElementById("game-about").replaceChildren(about, el("div", {class: "row"}, voices, library), ...warnings);
    root.replaceChildren(...nobody, sheetShown(sheet), unknownShown(id));
  } catch (error) {
    root.replaceChildren(pageProblemShown(error));
  }
}

/** The characters, the first ones at once and the others as one comes near them: a game may have hundreds. */
function sheetShown({sheet}) {
  const list = el("ul", {class: "cards"});
  const rest = [...sheet];
  const end = el("li", {class: "sheet-end", "aria-hidden": "true"});
  const more = () => {
    end.before(...rest.splice(0, AT_ONCE).map((one) => sheetCharacterShown(one)));
    if (!rest.length) end.remove();
  };
  list.append(end);
  new IntersectionObserver(([entry]) => entry.isIntersecting && more(), {rootMargin: "600px"}).observe(end);
  more();
  return list;
}
