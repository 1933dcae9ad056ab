// Gives each slider of the surrounding panel, and the number beside it, its label as its name, which
// ipywidgets leaves out.

function nameSliders(panel) {
  for (const slider of panel.querySelectorAll(".widget-hslider")) {
    const label = slider.querySelector(".widget-label").textContent;
    slider.querySelector(".noUi-handle")?.setAttribute("aria-label", label);
    const number = slider.querySelector(".widget-readout");
    number?.setAttribute("aria-label", `${label}, as a number`);
    number?.setAttribute("role", "textbox");
  }
}

function render({ el }) {
  el.style.display = "none";
  let observer;
  const asked = requestAnimationFrame(() => {
    const panel = el.closest(".plastlab-panel");
    if (!panel) return;
    observer = new MutationObserver(() => nameSliders(panel));
    observer.observe(panel, { childList: true, subtree: true });
    nameSliders(panel);
  });
  return () => {
    cancelAnimationFrame(asked);
    observer?.disconnect();
  };
}

export default { render };
