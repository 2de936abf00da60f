// A line to hear: play button, waveform, times and text. Its sound is loaded when it comes into view or is played.

import {button, el, icon, said} from "../shared/dom.js";
import {number, t} from "../shared/words.js";
import {current, output, play, position, stop} from "./output.js";
import {loadSound, SoundError} from "./sounds.js";
import {drawWaveform} from "./waveform.js";
import {heardLine} from "./switching.js";

const SEEK_S = 1;
const saving = navigator.connection?.saveData === true; // then sounds are loaded only when played

/** The element of a line; `clip` is one of the API's, or {audio: Blob or address, text, seconds}. `actions` are buttons. */
export function lineShown(clip, {actions = [], label = clip.text} = {}) {
  return new Line(clip, label, actions).element;
}

const lines = new WeakMap(); // element -> its Line
let calm = Promise.resolve();

/** Have lines that come into view wait for something, so that decoding them does not hold it up. */
export function loadAfter(promise) {
  calm = promise.then(() => {}, () => {});
}

/** The line of an element that lineShown made. */
export function lineOf(element) {
  return lines.get(element);
}

class Line {
  constructor(clip, label, actions) {
    this.source = clip.audio;
    this.seconds = clip.seconds;
    this.sound = null;
    this.offset = 0; // where it was paused, in seconds
    const name = label ? t("player.play", {text: label}) : t("player.play_untitled");
    this.button = el("button", {type: "button", class: "play", "aria-label": name, "aria-pressed": "false"}, icon("play"));
    this.button.addEventListener("click", () => this.toggle());
    this.button.addEventListener("keydown", (event) => this.seekByKey(event));
    this.canvas = el("canvas", {class: "wave", "aria-hidden": "true"});
    this.canvas.addEventListener("pointerdown", (event) => this.seekTo(event.offsetX / this.canvas.clientWidth));
    this.time = el("span", {class: "time"});
    this.wrong = el("span", {class: "wrong", role: "status"});
    const text = clip.text ? said(clip.text, {class: "line-text"}, "p") : null;
    const wave = el("div", {class: "line-wave"}, this.canvas, this.time);
    const body = el("div", {class: "line-body"}, text, wave, this.wrong);
    this.element = el("div", {class: "line"}, this.button, body, actions.length ? el("div", {class: "line-actions"}, actions) : null);
    lines.set(this.element, this);
    this.time.textContent = seconds(this.seconds);
    watch(this.element); // which shows the rest
  }

  async load() {
    try {
      this.sound = await loadSound(this.source);
      this.seconds = this.sound.seconds;
      this.show();
    } catch (error) {
      this.fail(error);
    }
  }

  toggle() {
    if (current() === this) this.offset = stop();
    else this.play(this.offset);
  }

  async play(offset = 0) {
    this.wrong.textContent = "";
    heardLine(this);
    try {
      await play(this, offset);
    } catch (error) {
      this.fail(error);
    }
    if (!this.sound) this.load();
  }

  seekTo(part) {
    this.play(part * (this.seconds ?? 0));
  }

  seekByKey(event) {
    const by = {ArrowLeft: -SEEK_S, ArrowRight: SEEK_S}[event.key];
    if (!by || !this.sound) return;
    event.preventDefault();
    const from = current() === this ? position() : this.offset;
    this.play(Math.min(Math.max(0, from + by), this.seconds));
  }

  fail(error) {
    if (!(error instanceof SoundError)) throw error;
    this.wrong.textContent = error.message === "missing" ? t("player.missing") : t("player.unplayable");
  }

  /** Show how things are now; as long as it plays, again in every frame. */
  show() {
    const plays = current() === this;
    if (plays !== (this.button.getAttribute("aria-pressed") === "true")) {
      this.button.setAttribute("aria-pressed", plays);
      this.button.replaceChildren(icon(plays ? "pause" : "play"));
      this.element.classList.toggle("is-playing", plays);
    }
    const at = plays ? position() : this.offset;
    drawWaveform(this.canvas, this.sound, this.seconds ? at / this.seconds : 0);
    this.time.textContent = at > 0 ? `${seconds(at)} / ${seconds(this.seconds)}` : seconds(this.seconds);
    if (plays) requestAnimationFrame(() => this.show());
  }
}

function seconds(value) {
  return value === null || value === undefined ? "" : t("player.seconds", {count: number(Math.round(value * 10) / 10)});
}

let shown = null;
output.addEventListener("change", () => {
  const before = shown;
  shown = current() instanceof Line ? current() : null;
  if (before !== shown) before?.show();
  shown?.show();
});
output.addEventListener("ended", (event) => {
  event.detail.offset = 0;
  if (event.detail instanceof Line) event.detail.show();
});

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    const line = lines.get(entry.target);
    line.show(); // it has a size now
    if (!saving) calm.then(() => line.load());
  }
}, {rootMargin: "100px"});

const unwatched = [];

/** Load a line when it comes into view. Observing begins with the next frame: it takes a third of the time of a card. */
function watch(element) {
  if (!unwatched.length) requestAnimationFrame(() => unwatched.splice(0).forEach((one) => seen.observe(one)));
  unwatched.push(element);
}

function redraw() {
  for (const element of document.querySelectorAll(".line")) lines.get(element)?.show();
}
addEventListener("resize", redraw);
addEventListener("themechange", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

/** A small button for the actions of a line. */
export function lineAction(label, name, onclick) {
  return button(label, onclick, {class: "quiet icon-only"}, icon(name));
}
