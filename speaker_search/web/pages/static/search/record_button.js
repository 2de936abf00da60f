// The button that records: press to begin, press to end and search.

import {t} from "../shared/words.js";
import {number} from "../shared/words.js";
import {mayRecord, startRecording} from "./recording.js";

/** Have `take` called with each recording, a WAV as a Blob. */
export function showRecording(take) {
  const button = document.getElementById("record");
  const said = document.getElementById("recording");
  const words = button.querySelector("span");
  let recording = null;

  button.hidden = !mayRecord();
  button.addEventListener("click", () => (recording ? end() : begin()));

  async function begin() {
    said.textContent = "";
    try {
      const shown = (seconds) => (words.textContent = t("search.stop_recording", {count: number(Math.floor(seconds))}));
      recording = await startRecording(shown);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      said.textContent = t("search.no_microphone");
      return;
    }
    button.classList.add("is-recording");
    recording.full.then(end);
  }

  async function end() {
    if (!recording) return;
    const ending = recording;
    recording = null;
    const sound = await ending.stop();
    button.classList.remove("is-recording");
    words.textContent = t("search.record");
    take(sound);
  }
}
