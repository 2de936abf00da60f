// Recurring voices: all of them, a page at a time, or one with its roles to hear.

import {changeShown, changesSince} from "../judging/changes.js";
import {likelyActors} from "../judging/credited.js";
import {listenToPairs} from "../judging/pair_lines.js";
import {pagedList} from "../judging/paged.js";
import {get} from "../shared/api.js";
import {el} from "../shared/dom.js";
import {linked} from "../shared/links.js";
import {problemShown} from "../shared/problems.js";
import {fromServer} from "../shared/server_words.js";
import {language, t} from "../shared/words.js";
import {filtersOf, filtersShown} from "./filters.js";
import {voiceShown} from "./voice_shown.js";

const PAGE = 20;
const CHANGES = 20;
const dates = new Intl.DateTimeFormat(language, {dateStyle: "medium"});

const root = document.getElementById("voices");
const one = new URLSearchParams(location.search).get("voice");
listenToPairs(root);
if (one) showOne(one);
else showAll();

async function showOne(id) {
  try {
    const [{voice}, likely] = await Promise.all([get(`/v1/voices/${encodeURIComponent(id)}`), likelyActors()]);
    root.append(voiceShown(voice, likely, {open: true}));
  } catch (error) {
    root.append(problemShown(error));
  }
  root.append(el("p", {}, el("a", {href: "/voices"}, t("voices.all"))));
}

async function showAll() {
  const filters = filtersOf(location.search);
  const warned = el("div");
  const likely = likelyActors().catch(() => new Map()); // an actor that is not shown misleads nobody
  const load = async (cursor) => {
    const [{voices, next, warnings}, actors] = await Promise.all([get("/v1/voices", {...filters, limit: PAGE, cursor}), likely]);
    warned.replaceChildren(...warnings.map((warning) => el("p", {class: "note"}, fromServer(warning))));
    return {items: voices.map((voice) => [voice, actors]), next};
  };
  const empty = el("p", {class: "card"}, Object.values(filters).some(Boolean) ? t("voices.none_such") : t("voices.none"));
  const list = pagedList(load, ([voice, actors]) => el("li", {}, voiceShown(voice, actors)), {empty});
  root.append(filtersShown(filters), warned, list, becomes());
}

/** What became of voices, and where credits are checked against them. */
function becomes() {
  const list = el("ul", {class: "becomes"});
  changesSince(null, CHANGES).then(
    (changes) => list.append(...changes.map((change) => el("li", {}, el("span", {class: "muted small"}, dates.format(new Date(change.at))), " ", changeShown(change)))),
    (error) => list.replaceWith(problemShown(error)),
  );
  return el(
    "section",
    {class: "card", "aria-labelledby": "becomes"},
    el("h2", {id: "becomes"}, t("voices.becomes")),
    list,
    el("p", {}, linked("audit", "/credits/audit", t("voices.audit"))),
  );
}
