// What works on the server and what does not: its encoders, its machine, its packages. Asked for by a button: it loads
// every encoder, which takes seconds.

import {get} from "../shared/api.js";
import {button, el} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {fromServer} from "../shared/server_words.js";
import {t} from "../shared/words.js";
import {factsShown} from "./state.js";

const STATES = {ready: () => t("health.ready"), missing: () => t("health.missing"), broken: () => t("health.broken")};

export function showHealth(element) {
  const look = button(t("health.look"), ask);
  element.replaceChildren(el("p", {class: "muted"}, t("health.why")), look);

  async function ask() {
    element.replaceChildren(el("p", {class: "muted", role: "status"}, t("health.looking")), el("div", {class: "busy"}));
    try {
      show(await get("/v1/doctor"));
    } catch (error) {
      element.replaceChildren(problemShown(error), look);
    }
  }

  function show({encoder, encoders, machine, packages, formats}) {
    const head = [t("health.encoder"), t("health.state"), t("health.computed_by"), t("health.purpose")];
    const columns = head.map((words) => el("th", {scope: "col"}, words));
    const rows = el("tbody", {}, encoders.map(encoderRow));
    const table = el("table", {class: "table"}, el("thead", {}, el("tr", {}, columns)), rows);
    const installed = Object.entries({python: machine.python, ...packages}).filter(([, version]) => version);
    const facts = [
      [t("health.default"), encoder],
      [t("health.formats"), formats.join(", ")],
      [t("health.system"), machine.system],
      [t("health.cpu"), `${machine.cpu}, ${t("health.cores", {count: machine.cores ?? 0})}`],
      [t("health.gpu"), machine.gpu ?? t("health.no_gpu")],
      [t("health.versions"), installed.map(([name, version]) => `${name} ${version}`).join(", ")],
    ];
    const scrolled = {class: "scroll", tabindex: "0", role: "region", "aria-label": t("health.encoders")};
    element.replaceChildren(el("div", scrolled, table), factsShown(facts));
  }
}

function encoderRow({name, space, state, backend, purpose, needs}) {
  const missing = state === "ready" ? null : el("div", {class: "small"}, t("health.needs", {file: needs}));
  return el(
    "tr",
    {},
    el("td", {}, el("strong", {}, name), el("br"), el("span", {class: "muted small"}, space ?? "")),
    el("td", {}, STATES[state]()),
    el("td", {lang: "en"}, backend ?? "–"),
    el("td", {class: "muted sentence"}, el("span", {}, fromServer(purpose)), missing),
  );
}
