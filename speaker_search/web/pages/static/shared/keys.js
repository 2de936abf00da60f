// Keys that work anywhere on a page, except where they are typed into a field or already mean something.

const actions = new Map();

/** Have a key, by its name in KeyboardEvent.key, do something. The last one given counts. */
export function onKey(key, action) {
  actions.set(key, action);
}

function isTyping(target) {
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

function isPressedBy(key, target) {
  return (key === " " || key === "Enter") && target.closest("button, a, summary, label") !== null;
}

document.addEventListener("keydown", (event) => {
  const action = actions.get(event.key);
  if (!action || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isTyping(event.target) || isPressedBy(event.key, event.target)) return;
  event.preventDefault();
  if (!event.repeat) action(event);
});
