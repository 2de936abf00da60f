// The latest answers: whether the server has them, what they changed, and what is wrong with those it refused.

import {changesSaid, changesSince} from "../judging/changes.js";
import {button, el, said} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {t} from "../shared/words.js";

const SHOWN = 6;
const CHANGES = 20; // looked at after an answer

const STATES = {
  waiting: () => t("queue.waiting"),
  kept: () => t("queue.kept"),
  refused: () => t("queue.refused"),
  undoing: () => t("queue.undoing"),
  undone: () => t("queue.undone"),
};

export class Recent {
  /** `askAgain` has an answer undone and its pair judged again. */
  constructor(sending, askAgain) {
    this.sending = sending;
    this.askAgain = askAgain;
    this.rows = new Map(); // answer -> its element
    this.since = null; // the time up to which changes were looked at
    this.looking = null;
    this.list = el("ul", {class: "recent"});
    this.stuck = el("div");
    this.element = el("section", {hidden: true, "aria-labelledby": "recent"}, el("h2", {id: "recent"}, t("queue.recent")), this.stuck, this.list);
    for (const answer of sending.answers) this.show(answer); // from a page that was closed too early
    sending.addEventListener("change", ({detail}) => this.moved(detail));
  }

  /** Add an answer that was just given. */
  show(answer) {
    const row = el("li", {});
    this.rows.set(answer, row);
    this.list.prepend(row);
    this.element.hidden = false;
    this.draw(answer);
    const settled = [...this.rows.keys()].filter(({state}) => state === "kept" || state === "undone");
    for (const one of settled.slice(0, Math.max(0, this.rows.size - SHOWN))) this.drop(one); // never one that waits or was refused
  }

  drop(answer) {
    this.rows.get(answer).remove();
    this.rows.delete(answer);
  }

  moved(answer) {
    const {stuck} = this.sending;
    const again = button(t("judging.try_again"), () => this.sending.send());
    this.stuck.replaceChildren(...(stuck ? [problemShown(stuck), el("p", {class: "row"}, t("queue.nothing_lost", {count: this.sending.waiting.length}), again)] : []));
    if (this.rows.has(answer)) this.draw(answer);
    if (answer.verdict && (answer.state === "kept" || answer.state === "undone")) this.look(answer);
  }

  draw(answer) {
    const {one, other, same, state, problem} = answer;
    const names = el("span", {}, said(one.name), same ? " = " : " ≠ ", said(other.name));
    const words = el("strong", {}, same ? t("judging.same") : t("judging.different"));
    const changed = el("p", {class: "small"}, answer.changed ?? "");
    const line = el("p", {class: "row"}, words, names, el("span", {class: `chip is-${state}`}, STATES[state]()));
    const actions = el(
      "div",
      {class: "row"},
      button(t("queue.judge_again"), () => this.settle(answer, true)),
      button(t("queue.leave_out"), () => this.settle(answer, false), {class: "quiet"}),
      el("a", {href: "/queue?given"}, t("queue.see_given")),
    );
    this.rows.get(answer).replaceChildren(line, ...(state === "refused" ? [problemShown(problem), actions] : [changed]));
  }

  settle(answer, again) {
    this.drop(answer);
    if (again) this.askAgain({pair: answer.pair, answer});
    else this.sending.undo(answer);
  }

  /** Show what has become of voices since the last look, at the latest answer. */
  async look(answer) {
    this.latest = answer;
    this.since ??= answer.verdict.at;
    if (this.looking || this.sending.waiting.length) return; // the last of them looks for all
    this.looking = true;
    try {
      const changes = await changesSince(this.since, CHANGES);
      if (changes.length) this.since = changes[0].at;
      this.latest.changed = el("span", {}, changesSaid(changes));
      if (this.rows.has(this.latest)) this.draw(this.latest);
    } catch (error) {
      if (error.status === undefined) throw error; // what was changed is on the page of voices, too
    } finally {
      this.looking = false;
    }
  }
}
