// A character's lines in groups that sound alike, with players. What a group has in common is for people to hear.

import {lineShown} from "../player/line.js";
import {get} from "../shared/api.js";
import {el} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {number, percent, t} from "../shared/words.js";

/** The section of the styles; hidden until there is something to say. */
export function stylesShown({id}) {
  const section = el("section", {class: "card", "aria-labelledby": "styles", hidden: true});
  get(`/v1/characters/${id}/styles`).then(
    ({compared, needed, styles}) => {
      section.hidden = !compared;
      const alike = compared < needed ? t("characters.few_lines", {count: needed}) : t("characters.one_style", {count: compared});
      const why = styles.length > 1 ? t("characters.styles_why") : alike;
      const groups = styles.length > 1 ? el("div", {class: "styles"}, styles.map(styleShown)) : null;
      section.replaceChildren(heading(), el("p", {class: "muted small"}, why), ...[groups].filter(Boolean));
    },
    (error) => {
      section.hidden = false;
      section.replaceChildren(heading(), problemShown(error));
    },
  );
  return section;
}

function heading() {
  return el("h2", {id: "styles"}, t("characters.styles"));
}

function styleShown({clips, share, seconds, lines}, place) {
  const length = number(Math.round(seconds * 10) / 10);
  const facts = t("characters.style_facts", {count: clips, share: percent(share), seconds: length});
  const head = el("div", {}, el("h3", {}, t("characters.style", {place: place + 1})), el("p", {class: "muted small"}, facts));
  return el("div", {class: "style"}, head, el("ul", {class: "lines"}, lines.map((clip) => el("li", {}, lineShown(clip)))));
}
