// What is on the map as a list, for readers who would rather have one.

import {button, el, said} from "../shared/dom.js";
import {characterLink, gameLink} from "../shared/links.js";
import {t} from "../shared/words.js";
import {likeAddress} from "./card.js";
import {plain} from "./finding.js";
import {hear} from "./hearing.js";

const A_TIME = 50; // rows shown, until more are asked for

/** Fill an element with all points of a scene and a field that filters them by name. */
export function showList(element, scene) {
  const names = Array.from({length: scene.count}, (_, point) => {
    const {title, maker} = scene.game(point);
    return plain(`${scene.name(point)} ${title} ${maker.name}`);
  });
  const rows = el("tbody");
  const more = button(t("map.more"), () => fill());
  const filter = el("input", {type: "search", id: "list-filter", autocomplete: "off"});
  let found = [];
  let next = 0;
  function fill() {
    rows.append(...found.slice(next, next + A_TIME).map((point) => row(scene, point)));
    next += A_TIME;
    more.hidden = next >= found.length;
  }
  function begin() {
    const part = plain(filter.value.trim());
    found = [...names.keys()].filter((point) => names[point].includes(part));
    next = 0;
    rows.replaceChildren();
    fill();
  }
  filter.addEventListener("input", begin);
  begin();
  const head = [t("map.character"), t("map.game"), t("map.maker"), ""].map((words) => el("th", {scope: "col"}, words));
  head[3] = el("td");
  const table = el("table", {class: "table"}, el("thead", {}, el("tr", {}, head)), rows);
  element.replaceChildren(
    el("div", {class: "field"}, el("label", {for: "list-filter"}, t("map.filter")), filter),
    el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": scene.title}, table),
    more,
  );
}

function row(scene, point) {
  const game = scene.game(point);
  const like = likeAddress(scene, point);
  const label = {class: "quiet", "aria-label": t("map.hear_name", {name: scene.name(point)})};
  const heard = button(t("map.hear_short"), () => hear(scene, point), label);
  return el(
    "tr",
    {},
    el("td", {}, scene.character(point) ? characterLink(scene.character(point)) : scene.name(point)),
    el("td", {}, gameLink(game)),
    el("td", {}, said(game.maker.name)),
    el("td", {class: "row"}, heard, like ? el("a", {href: like}, t("map.like")) : null),
  );
}
