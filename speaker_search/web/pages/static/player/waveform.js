// A waveform as rounded bars, in the colours of the page; what has been heard is in the accent colour.

const BAR_PX = 3;
const GAP_PX = 2;

/** Draw the peaks of a sound; `progress` from 0 to 1. Without a sound: a flat line. */
export function drawWaveform(canvas, sound, progress) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width || !height) return;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const bars = Math.max(1, Math.floor((width + GAP_PX) / (BAR_PX + GAP_PX)));
  const heard = Math.round(progress * bars);
  for (const [colour, from, to] of [["--accent", 0, heard], ["--wave", heard, bars]]) {
    context.fillStyle = style.getPropertyValue(colour);
    context.beginPath();
    for (let bar = from; bar < to; bar++) {
      const tall = Math.max(2, (sound ? barLevel(sound, bar, bars) : 0) * height);
      context.roundRect(bar * (BAR_PX + GAP_PX), (height - tall) / 2, BAR_PX, tall, BAR_PX / 2);
    }
    context.fill();
  }
}

function barLevel({peaks}, bar, bars) {
  const from = Math.floor((bar * peaks.length) / bars);
  const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / bars));
  let peak = 0;
  for (let place = from; place < to; place++) peak = Math.max(peak, peaks[place]);
  return peak ** 0.8; // quiet parts stay visible
}
