// How much the library holds, and how its index is.

import {el} from "../shared/dom.js";
import {fromServer} from "../shared/server_words.js";
import {number, t} from "../shared/words.js";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

export function showSizes(element, {makers, games, characters, clips}) {
  const sizes = [
    [t("library.makers"), makers],
    [t("library.games"), games],
    [t("library.characters"), characters],
    [t("library.lines"), clips.embedded],
    ...(clips.pending ? [[t("library.pending"), clips.pending]] : []),
    ...(clips.refused ? [[t("library.refused_lines"), clips.refused]] : []),
  ];
  const figures = sizes.map(([words, value]) => {
    return el("div", {class: "figure"}, el("strong", {}, number(value)), el("span", {class: "muted"}, words));
  });
  element.replaceChildren(...figures);
  element.hidden = false;
}

export function showIndex(element, {encoder, clips, index}) {
  if (index === null) return element.replaceChildren(el("p", {class: "muted"}, t("library.no_index")));
  const missing = index.vectors < index.clips || index.behind > 0;
  const facts = [
    [t("library.encoder"), encoder],
    [t("library.in_index"), t("library.of_lines", {vectors: index.vectors, count: index.clips})],
    [t("library.index_state"), missing ? t("library.behind", {count: index.behind}) : t("library.up_to_date")],
    [t("library.on_disk"), size(index.bytes)],
    [t("library.kind"), index.plan ? planShown(index.plan) : t("library.not_saved")],
    ...(index.recall ? [[t("library.recall"), `${number(Math.round(1000 * index.recall.recall_at_10) / 10)}%`]] : []),
    ...(clips.pending ? [[t("library.pending"), number(clips.pending)]] : []),
  ];
  element.replaceChildren(factsShown(facts));
}

/** The kind of an index, and why it is of that kind. */
function planShown(plan) {
  const [kind, reason] = plan.split(/: (.*)/s);
  return [`${kind}: `, ...fromServer(reason)];
}

function size(bytes) {
  const tenths = (unit) => number(Math.round((10 * bytes) / unit) / 10);
  return bytes >= GIB ? `${tenths(GIB)} GiB` : `${tenths(MIB)} MiB`;
}

/** Names with their values, as a list. */
export function factsShown(facts) {
  return el("dl", {class: "facts"}, facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}
