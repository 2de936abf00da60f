// Hearing a point: a line of its character, or the line that it is. One of five, the longest: it says the most.

import {get} from "../shared/api.js";
import {output, play, current, stop} from "../player/output.js";
import {SoundError} from "../player/sounds.js";

const ASKED = 5; // lines of a character, of which the longest is heard
const kept = new Map(); // "character 12" -> promise of a clip

const keyOf = (scene, point) => `${scene.isLine(point) ? "line" : "character"} ${scene.ids[point]}`;

/** The clip to hear for a point of a scene; null where it has none. */
export function clipOf(scene, point) {
  const key = keyOf(scene, point);
  if (!kept.has(key)) {
    const found = scene.isLine(point) ? get(`/v1/clips/${scene.ids[point]}`) : longest(scene.ids[point]);
    found.catch(() => kept.delete(key));
    kept.set(key, found);
  }
  return kept.get(key);
}

async function longest(characterId) {
  const {clips} = await get("/v1/clips", {character_id: characterId, state: "embedded", limit: ASKED});
  return clips.reduce((best, clip) => (best && best.seconds >= clip.seconds ? best : clip), null);
}

let wanted = null; // the point that was asked for last

/** Play a point's line, unless another was asked for meanwhile. Whether it plays; false also for a sound that is missing. */
export async function hear(scene, point) {
  const mine = (wanted = {key: keyOf(scene, point)});
  const clip = await clipOf(scene, point);
  if (wanted !== mine || clip === null) return false;
  try {
    await play({source: clip.audio, point: mine.key});
    return true;
  } catch (error) {
    if (!(error instanceof SoundError)) throw error;
    return false;
  }
}

/** Be silent, if what is heard was played by `hear`. */
export function hush() {
  wanted = null;
  if (current()?.point) stop();
}

/** Whether this point is heard now. */
export function isHeard(scene, point) {
  return current()?.point === keyOf(scene, point);
}

export {output};
