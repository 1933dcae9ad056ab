// One question of the page: hides the line for pages without a kernel, moves the focus to the answer
// when the form goes, and listens to "Answer again". Elements are known by the question's id.

const PATIENCE = 1500; // milliseconds

function initialize({ model }) {
  const id = model.get("question");
  const style = document.createElement("style");
  style.textContent = `#plastlab-run-${id} { display: none; }
    #plastlab-again-${id} { display: inline-block !important; }`;
  document.head.append(style);

  function clicked(event) {
    const button = event.target.closest?.(`#plastlab-again-${id}`);
    if (!button) return;
    model.send({ event: "again" });
    setTimeout(() => {
      if (button.isConnected) button.replaceWith("Run this cell to answer again.");
    }, PATIENCE);
  }

  // The form leaves the page a moment after the answer is there, and the focus falls to the body.
  function follow(message) {
    if (message.event !== "closed") return;
    const until = performance.now() + PATIENCE;
    const look = () => {
      if (document.activeElement === document.body)
        document.getElementById(`plastlab-answer-${id}`)?.focus({ preventScroll: true });
      if (performance.now() < until) requestAnimationFrame(look);
    };
    look();
  }

  document.addEventListener("click", clicked);
  model.on("msg:custom", follow);
  return () => {
    style.remove();
    document.removeEventListener("click", clicked);
  };
}

function render({ el }) {
  el.style.display = "none";
}

export default { initialize, render };
