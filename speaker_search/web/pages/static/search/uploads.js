// Sounds from people: dropped anywhere on the page, chosen, or pasted.

/** Have `take` called with the files, as often as somebody brings any. */
export function takeSounds(take) {
  const drop = document.getElementById("drop");
  const input = document.getElementById("files");

  input.addEventListener("change", () => {
    given(input.files);
    input.value = ""; // the same file may be chosen again
  });
  document.addEventListener("paste", (event) => given(event.clipboardData.files));

  let depth = 0; // dragenter and dragleave come for every element below
  const over = (by) => {
    depth = by ? depth + by : 0;
    drop.classList.toggle("is-over", depth > 0);
  };
  addEventListener("dragenter", () => over(1));
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault()); // or the browser would open the file
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(0);
    given(event.dataTransfer.files);
  });

  function given(files) {
    if (files.length) take([...files]);
  }
}
