// The map by keys alone: arrows move it, with shift they go from point to point, and a point is opened and heard.

import {hear, hush} from "./hearing.js";

const STEP_PX = 60; // of an arrow key
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

/** Listen on the map's element. `whole()` shows the whole map. */
export function steer(element, {stage, pointing, whole}) {
  /** Move the map, and tell the point that is then in its middle; with shift, go on to the next point. */
  function arrow(right, down, toPoint) {
    const next = toPoint && stage.pointed >= 0 ? stage.grid.toward(stage.pointed, right, down) : -1;
    if (toPoint) {
      if (next >= 0) stage.flyTo(stage.scene.x[next], stage.scene.y[next]);
    } else {
      stage.view.panBy(-right * STEP_PX, -down * STEP_PX);
      stage.changed();
    }
    const at = toPoint ? next : stage.middle();
    if (at >= 0) pointing.at(at, {pin: toPoint, aloud: true});
  }

  element.addEventListener("focus", () => {
    if (element.matches(":focus-visible") && stage.scene && stage.pointed < 0) pointing.at(stage.middle(), {aloud: true});
  });
  element.addEventListener("keydown", (event) => {
    if (event.target !== element || !stage.scene || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = stage.pointed;
    if (ARROWS[event.key]) arrow(...ARROWS[event.key], event.shiftKey);
    else if (event.key === "+" || event.key === "=") (stage.view.zoomBy(0.5), stage.changed());
    else if (event.key === "-") (stage.view.zoomBy(-0.5), stage.changed());
    else if (event.key === "0") whole();
    else if (event.key === "Enter" && at >= 0) pointing.open(at, event);
    else if (event.key === " " && at >= 0) hear(stage.scene, at);
    else if (event.key === "Escape") (pointing.away({pinnedToo: true}), hush());
    else return;
    event.preventDefault();
  });
}
