// Answers on their way to the server: one after another, kept in the browser until the server has them.

import {post, Problem, remove} from "../shared/api.js";
import {signedIn} from "../judging/author.js";

const KEPT_AS = "spksearch_unsent";
const AGAIN_MS = 5000;
const TOO_MANY = 429;
const TOO_SLOW = 408;
const SIGN_IN = 401;

/**
 * An answer is {one, other, same, note, author, pair, state, verdict, problem}. Its state is "waiting", then "kept" or
 * "refused"; once it is taken back, "undoing", then "undone". "change" is sent with the answer whenever one moves on.
 */
export class Sending extends EventTarget {
  constructor() {
    super();
    this.answers = JSON.parse(localStorage.getItem(KEPT_AS) ?? "[]"); // from a page that was closed too early
    this.stuck = null; // the problem that keeps answers from being sent
    this.busy = null; // the answer that is being sent
    this.timer = null;
    addEventListener("online", () => this.send());
    this.send();
  }

  /** Those that the server does not have yet. */
  get waiting() {
    return this.answers.filter(({state}) => state === "waiting" || state === "undoing");
  }

  add(answer) {
    this.answers.push(Object.assign(answer, {state: "waiting", verdict: null, problem: null}));
    this.moved(answer);
    this.send();
    return answer;
  }

  /** Take an answer back, whether it was sent or not. */
  undo(answer) {
    if (answer === this.busy) answer.unwanted = true;
    else if (answer.verdict?.new) answer.state = "undoing";
    else answer.state = "undone"; // never sent, refused, or the verdict of somebody before
    this.moved(answer);
    this.send();
  }

  async send() {
    if (this.busy) return;
    clearTimeout(this.timer);
    this.stuck = null;
    let answer;
    while ((answer = this.busy = this.waiting[0] ?? null)) {
      try {
        await one(answer);
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (mayPass(error)) {
          this.busy = null;
          this.stuck = error;
          this.timer = setTimeout(() => this.send(), AGAIN_MS);
          return this.moved(answer);
        }
        Object.assign(answer, {state: "refused", problem: error});
      }
      this.moved(answer);
    }
  }

  moved(answer) {
    localStorage.setItem(KEPT_AS, JSON.stringify(this.waiting));
    this.dispatchEvent(new CustomEvent("change", {detail: answer}));
  }
}

async function one(answer) {
  const {author, verdict} = answer;
  if (answer.state === "undoing") {
    await remove(`/v1/verdicts/${verdict.id}`, {author: signedIn ? null : author});
    answer.state = "undone";
    return;
  }
  const {one: first, other, same, note} = answer;
  answer.verdict = await post("/v1/verdicts", {one: first.id, other: other.id, same, note, author});
  answer.state = !answer.unwanted ? "kept" : answer.verdict.new ? "undoing" : "undone";
}

/** Whether the same answer may be taken later: nobody answered, or the server has too much to do. */
function mayPass({status}) {
  return status === 0 || status === SIGN_IN || status === TOO_SLOW || status === TOO_MANY || status >= 500;
}
