// A list that is shown a page at a time.

import {button, el} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {t} from "../shared/words.js";

/**
 * A list that grows by "More". `load(cursor)` resolves to {items, next}, `show(item)` is an element of the list.
 * `empty` is what to show in place of a list without items.
 */
export function pagedList(load, show, {empty, attributes = {class: "cards"}}) {
  const list = el("ul", attributes);
  const more = button(t("judging.more"), () => go(), {hidden: true});
  const below = el("div", {class: "row"}, more);
  const whole = el("div", {class: "paged"}, list, below);
  let cursor = null;

  async function go() {
    more.hidden = true;
    const busy = el("div", {class: "busy", role: "progressbar", "aria-label": t("judging.loading")});
    below.replaceChildren(more, busy);
    try {
      const {items, next} = await load(cursor);
      const before = list.lastElementChild;
      list.append(...items.map(show));
      cursor = next;
      more.hidden = next === null;
      below.replaceChildren(more);
      if (!list.childElementCount) whole.replaceChildren(empty);
      // Whoever pressed "More" goes on reading at the first new one.
      if (before?.nextElementSibling) focusOn(before.nextElementSibling);
    } catch (error) {
      more.hidden = false;
      below.replaceChildren(problemShown(error), more);
    }
  }

  go();
  return whole;
}

function focusOn(element) {
  element.tabIndex = -1;
  element.focus({preventScroll: true});
}
