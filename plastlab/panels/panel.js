// What a panel owes to those who use no mouse: names and states that ipywidgets leaves out, and keys
// that the notebook would take.

const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];
const OURS = new Set([...KEYS, "Enter", " ", "Escape"]);

function set(node, name, value) {
  if (node && node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function nameSlider(slider) {
  const label = slider.querySelector(".widget-label").textContent;
  const handle = slider.querySelector(".noUi-handle"), readout = slider.querySelector(".widget-readout");
  set(handle, "aria-label", label);
  if (slider.classList.contains("plastlab-stops")) {
    set(readout, "contenteditable", "false"); // what is typed there changes nothing
    set(handle, "aria-valuetext", readout.textContent); // it says which stop, not what stands there
  } else {
    set(readout, "role", "textbox");
    set(readout, "aria-label", `${label}, as a number`);
  }
}

function nameChoice(choice, panel) {
  const label = choice.querySelector(".widget-label").textContent;
  const question = panel.querySelector(".widget-html-content");
  set(choice, "role", "group");
  set(choice, "aria-label", label || question?.textContent || "");
  for (const option of choice.querySelectorAll(".widget-toggle-button"))
    set(option, "aria-pressed", String(option.classList.contains("mod-active")));
}

function name(panel) {
  for (const slider of panel.querySelectorAll(".widget-hslider")) nameSlider(slider);
  for (const choice of panel.querySelectorAll(".widget-toggle-buttons")) nameChoice(choice, panel);
}

// Notebook 7 looks for its shortcuts before the control that has the focus hears of a key.
function keep(event) {
  if (!event.target.closest?.(".plastlab-panel")) return;
  const changed = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
  event.target.toggleAttribute("data-lm-suppress-shortcuts", OURS.has(event.key) && !changed);
}

function render({ el }) {
  el.style.display = "none";
  let asked;
  const observer = new MutationObserver(() => name(el.closest(".plastlab-panel")));
  function watch() {
    const panel = el.closest(".plastlab-panel"), attributeFilter = ["class", "aria-valuetext"];
    if (panel) observer.observe(panel, { childList: true, subtree: true, attributes: true, attributeFilter });
    if (panel) name(panel);
    else asked = requestAnimationFrame(watch); // it is not on the page yet
  }
  watch();
  window.addEventListener("keydown", keep, true);
  return () => {
    window.removeEventListener("keydown", keep, true);
    cancelAnimationFrame(asked);
    observer.disconnect();
  };
}

export default { render };
