// How loud a line is, and the gain that evens it. Pure: samples in, numbers out.

export const TARGET_DB = -23; // RMS of the speech, re full scale: comfortable, with room for peaks
export const MAX_GAIN_DB = 30; // games differ by as much; what is quieter still is mostly noise
const PEAK = 0.9; // of full scale: no line may clip
const BLOCK_S = 0.4;
const STEP_S = 0.1;
const SILENCE_DB = -70; // blocks below it count as silence
const GATE_DB = -10; // blocks that far below the mean of the others count as pauses (ITU-R BS.1770)

const decibels = (power) => 10 * Math.log10(power);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The RMS of the speech in dB, pauses left out; -Infinity for silence. */
export function loudness(samples, rate) {
  const block = Math.min(samples.length, Math.round(BLOCK_S * rate));
  const step = Math.max(1, Math.round(STEP_S * rate));
  const powers = [];
  for (let start = 0; block && start + block <= samples.length; start += step) {
    let sum = 0;
    for (let place = start; place < start + block; place++) sum += samples[place] * samples[place];
    powers.push(sum / block);
  }
  const heard = powers.filter((power) => decibels(power) > SILENCE_DB);
  if (!heard.length) return -Infinity;
  const gate = decibels(mean(heard)) + GATE_DB;
  return decibels(mean(heard.filter((power) => decibels(power) > gate)));
}

/** The factor that brings a line to TARGET_DB, without clipping and without lifting it by more than MAX_GAIN_DB. */
export function evenGain(samples, rate) {
  const level = loudness(samples, rate);
  if (level === -Infinity) return 1;
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return Math.min(10 ** (Math.min(MAX_GAIN_DB, TARGET_DB - level) / 20), PEAK / peak);
}
