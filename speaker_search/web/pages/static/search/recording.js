// Recording with the microphone to a WAV file, which every server reads.

const MOST_S = 30; // as long as a sound may be

/** Whether this browser lets this page record: only over https or from this machine. */
export function mayRecord() {
  return Boolean(navigator.mediaDevices?.getUserMedia && globalThis.AudioWorkletNode);
}

/** Begin; `heard(seconds)` is called as it goes on. The answer has stop(), which gives the WAV as a Blob, and `full`. */
export async function startRecording(heard) {
  // Processing meant for calls changes voices.
  const wanted = {channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false};
  const stream = await navigator.mediaDevices.getUserMedia({audio: wanted});
  const context = new AudioContext();
  await context.audioWorklet.addModule(new URL("./recorder.js", import.meta.url));
  const recorder = new AudioWorkletNode(context, "recorder", {numberOfOutputs: 0});
  const parts = [];
  let count = 0;
  let tell;
  const full = new Promise((resolve) => (tell = resolve));
  recorder.port.onmessage = ({data}) => {
    if (count >= MOST_S * context.sampleRate) return;
    parts.push(data);
    count += data.length;
    heard(count / context.sampleRate);
    if (count >= MOST_S * context.sampleRate) tell();
  };
  context.createMediaStreamSource(stream).connect(recorder);

  async function stop() {
    for (const track of stream.getTracks()) track.stop();
    const rate = context.sampleRate;
    await context.close();
    return wav(parts, count, rate);
  }
  return {stop, full};
}

/** Samples from -1 to 1 as a WAV file: mono, 16 bits. */
function wav(parts, count, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const text = (place, word) => [...word].forEach((letter, i) => view.setUint8(place + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * count, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // length of this chunk
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true); // bytes a second
  view.setUint16(32, 2, true); // bytes a frame
  view.setUint16(34, 16, true); // bits
  text(36, "data");
  view.setUint32(40, 2 * count, true);
  let place = 44;
  for (const part of parts) {
    for (const sample of part) {
      view.setInt16(place, Math.max(-1, Math.min(1, sample)) * 32767, true);
      place += 2;
    }
  }
  return new Blob([view], {type: "audio/wav"});
}
