// On the start page: how much there is to search in.

import {get} from "../shared/api.js";
import {el} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {number, t} from "../shared/words.js";

const AGAIN_MS = 1000; // while the server starts

/** Fill in the figures, where the page has a place for them. */
export async function showCatalogSize() {
  const place = document.getElementById("catalog-size");
  if (!place) return;
  place.hidden = false;
  try {
    const {clips, characters, games} = await get("/readyz");
    place.replaceChildren(
      figure(clips, t("start.clips", {count: clips})),
      figure(characters, t("start.characters", {count: characters})),
      figure(games, t("start.games", {count: games})),
    );
  } catch (error) {
    place.replaceChildren(problemShown(error));
    if (error.kind === "starting") setTimeout(showCatalogSize, AGAIN_MS);
  }
}

function figure(count, words) {
  return el("div", {class: "figure"}, el("strong", {}, number(count)), el("span", {class: "muted"}, words));
}
