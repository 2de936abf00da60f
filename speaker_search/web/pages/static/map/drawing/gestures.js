// What fingers, mice and wheels do on the map. Positions are in CSS pixels from its top left corner.

const WHEEL = 1 / 240; // doublings of a pixel that the wheel turns
const LINE_PX = 16; // of a wheel that turns by lines
const TAP_PX = 6; // a pointer that moves farther drags

/**
 * Listen on an element. `on` has pan(right, down), zoom(doublings, left, top), hover(left, top), leave(),
 * tap(left, top, event), lassoing() that says whether a drag draws, draw(points) and drawn(points).
 */
export function listen(element, on) {
  const down = new Map(); // pointerId -> [left, top]
  let began = null; // where the first pointer went down
  let drawn = null; // points of the lasso
  let dragged = false;

  const placeOf = (event) => {
    const {left, top} = element.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("a, button, .line")) return;
    element.setPointerCapture(event.pointerId);
    down.set(event.pointerId, placeOf(event));
    if (down.size === 1) {
      began = placeOf(event);
      dragged = false;
      drawn = event.shiftKey || on.lassoing() ? [began] : null;
    } else {
      drawn = null; // two fingers zoom
      dragged = true;
      on.draw(null);
    }
  });

  element.addEventListener("pointermove", (event) => {
    const now = placeOf(event);
    const before = down.get(event.pointerId);
    if (!before) {
      if (event.target.closest("canvas")) on.hover(...now);
      return;
    }
    if (!dragged && Math.hypot(now[0] - began[0], now[1] - began[1]) < TAP_PX) return;
    dragged = true;
    const others = [...down].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    down.set(event.pointerId, now);
    if (drawn) {
      drawn.push(now);
      on.draw(drawn);
    } else if (others.length) {
      pinch(before, now, others[0]);
    } else {
      on.pan(now[0] - before[0], now[1] - before[1]);
    }
  });

  function pinch(before, now, other) {
    const apart = (one) => Math.max(1, Math.hypot(one[0] - other[0], one[1] - other[1]));
    on.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    on.zoom(Math.log2(apart(now) / apart(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }

  function up(event) {
    if (!down.delete(event.pointerId)) return;
    if (drawn && dragged && event.type === "pointerup") on.drawn(drawn);
    else if (!dragged && event.type === "pointerup") on.tap(...placeOf(event), event);
    if (drawn) on.draw(null);
    drawn = null;
  }
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("pointerleave", () => on.leave());

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const pixels = event.deltaMode ? event.deltaY * LINE_PX : event.deltaY;
      on.zoom(-pixels * WHEEL * (event.ctrlKey ? 4 : 1), ...placeOf(event)); // a pinch on a touchpad comes with ctrl
    },
    {passive: false},
  );
}
