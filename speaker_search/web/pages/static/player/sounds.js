// Sounds as they are decoded: fetched when they are wanted, a few at a time, the latest kept.

import {signIn} from "../shared/api.js";
import {evenGain} from "./loudness.js";

const RATE = 48000; // Hz
const AT_ONCE = 3; // sounds fetched side by side
const KEPT = 60; // decoded sounds in memory
const PEAKS = 600; // of a waveform
const NEARLY_ALL = 0.98; // a click is not to flatten the rest

const kept = new Map(); // source -> promise of a sound, the oldest first
const waiting = [];
let loading = 0;

/** Why a sound cannot be played: "missing" or "unplayable". */
export class SoundError extends Error {}

/** A decoded sound {buffer, seconds, gain, peaks} of an address or a Blob. Raises SoundError. */
export function loadSound(source) {
  let sound = kept.get(source);
  if (sound) {
    kept.delete(source);
  } else {
    sound = inTurn(() => decoded(source));
    sound.catch(() => kept.delete(source)); // the next try may succeed
  }
  kept.set(source, sound);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return sound;
}

async function inTurn(work) {
  if (loading >= AT_ONCE) await new Promise((resolve) => waiting.push(resolve));
  loading++;
  try {
    return await work();
  } finally {
    loading--;
    waiting.shift()?.();
  }
}

async function decoded(source) {
  const bytes = source instanceof Blob ? await source.arrayBuffer() : await fetched(source);
  let buffer;
  try {
    // Decoding needs no output, so it may happen before anybody has touched the page.
    buffer = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
  } catch {
    throw new SoundError("unplayable");
  }
  const samples = buffer.getChannelData(0);
  return {buffer, seconds: buffer.duration, gain: evenGain(samples, buffer.sampleRate), peaks: peaksOf(samples)};
}

async function fetched(address) {
  const answer = await fetch(address).catch(() => null);
  if (answer?.status === 401) signIn();
  if (!answer?.ok) throw new SoundError("missing");
  return answer.arrayBuffer();
}

/** The highest sample of each of PEAKS equal parts, as a share of what nearly all of them stay below. */
function peaksOf(samples) {
  const peaks = new Float32Array(PEAKS);
  for (let place = 0; place < samples.length; place++) {
    const part = Math.floor((place * PEAKS) / samples.length);
    peaks[part] = Math.max(peaks[part], Math.abs(samples[place]));
  }
  const high = Float32Array.from(peaks).sort()[Math.floor(PEAKS * NEARLY_ALL)];
  return peaks.map((peak) => Math.min(1, peak / (high || 1)));
}
