// One verdict by one press, and back.

import {post, remove} from "../shared/api.js";
import {button, el} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {t} from "../shared/words.js";
import {signedIn, whoJudges} from "./author.js";
import {changesSaid, changesSince} from "./changes.js";

const CHANGES = 10; // looked at after a verdict

/**
 * Two buttons for a verdict on two characters. Once it is given, it stands there with what it changed and an undo;
 * `given` is a verdict that stands already.
 */
export function verdictButtons(one, other, given = null) {
  const whole = el("div", {class: "verdict", role: "group", "aria-label": t("judging.on", {one: one.name, other: other.name})});

  function ask(problem = null) {
    const same = button(t("judging.same"), () => give(true));
    const different = button(t("judging.different"), () => give(false));
    whole.replaceChildren(el("div", {class: "row"}, same, different), ...(problem ? [problem] : []));
  }

  async function give(same) {
    const author = await whoJudges();
    if (author === undefined) return;
    await tried(async () => {
      const verdict = await post("/v1/verdicts", {one: one.id, other: other.id, same, author});
      show(verdict).focus({preventScroll: true});
      showChanges(verdict.at);
    });
  }

  async function showChanges(since) {
    const changed = el("p", {class: "small"});
    whole.append(changed);
    try {
      changed.append(...changesSaid(await changesSince(since, CHANGES)));
    } catch (error) {
      changed.replaceWith(problemShown(error));
    }
  }

  function show(verdict) {
    const words = verdict.same ? t("judging.said_same", {author: verdict.author}) : t("judging.said_different", {author: verdict.author});
    const undo = button(t("judging.undo"), () => tried(() => takenBack(verdict).then(() => ask())), {class: "quiet"});
    whole.replaceChildren(el("div", {class: "row", role: "status"}, el("strong", {}, words), undo));
    return undo;
  }

  async function tried(work) {
    for (const one of whole.querySelectorAll("button")) one.disabled = true;
    try {
      await work();
    } catch (error) {
      ask(problemShown(error));
    }
  }

  if (given) show(given);
  else ask();
  return whole;
}

/** Undo a verdict in the name of whoever is here; the verdict as it is then. */
export async function takenBack(verdict) {
  const author = await whoJudges();
  return remove(`/v1/verdicts/${verdict.id}`, {author: signedIn ? null : author});
}
