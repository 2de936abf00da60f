// The one output of the page: one sound at a time, evened in loudness, from any place in it.

import {loadSound} from "./sounds.js";

const FADE_S = 0.008; // at both ends, against clicks

let context = null;
let playing = null; // {line, node, fade, sound, startedAt, offset}

/** "change" is sent whenever a line begins, stops or ends; "ended" with the line in its detail when it was heard out. */
export const output = new EventTarget();

/** The line being played; null in silence. A line is any object with a `source`, an address or a Blob. */
export function current() {
  return playing?.line ?? null;
}

/** Seconds from the beginning of the line being played. */
export function position() {
  return playing ? Math.min(playing.sound.seconds, playing.offset + context.currentTime - playing.startedAt) : 0;
}

/** Play a line from a number of seconds; whatever else plays stops. Raises SoundError. */
export async function play(line, offset = 0) {
  context ??= new AudioContext({latencyHint: "interactive"});
  stop();
  const wanted = (playing = {line, sound: {seconds: 0}, offset: 0, startedAt: context.currentTime, node: null});
  output.dispatchEvent(new Event("change"));
  let sound;
  try {
    [sound] = await Promise.all([loadSound(line.source), context.resume()]);
  } catch (error) {
    if (playing === wanted) stop();
    throw error;
  }
  if (playing !== wanted) return; // something else was asked for meanwhile
  const node = new AudioBufferSourceNode(context, {buffer: sound.buffer});
  const fade = new GainNode(context, {gain: 0});
  fade.gain.linearRampToValueAtTime(sound.gain, context.currentTime + FADE_S);
  node.connect(fade).connect(context.destination);
  Object.assign(wanted, {node, fade, sound, offset, startedAt: context.currentTime});
  node.addEventListener("ended", () => {
    if (playing !== wanted) return;
    playing = null;
    output.dispatchEvent(new Event("change"));
    output.dispatchEvent(new CustomEvent("ended", {detail: line}));
  });
  node.start(0, offset);
  output.dispatchEvent(new Event("change"));
}

/** Stop; where it stopped, in seconds. */
export function stop() {
  const at = position();
  if (!playing) return at;
  const {node, fade} = playing;
  playing = null;
  if (node) {
    fade.gain.cancelScheduledValues(context.currentTime);
    fade.gain.setTargetAtTime(0, context.currentTime, FADE_S / 3);
    node.stop(context.currentTime + FADE_S);
  }
  output.dispatchEvent(new Event("change"));
  return at;
}
