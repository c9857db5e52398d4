// From a note about a missing key to the box that takes one: the tab Keys, with that provider chosen. The tab is built
// when it is first shown, and says by `llmHub.keyForm` which of its forms takes keys.
let form;
let wanted = "";
let frames = 0;
const fill = () => {
  if (!form || !wanted) return;
  if (form.offsetParent === null && frames++ < 300) { requestAnimationFrame(fill); return; }
  const { provider, key } = form.elements;
  provider.value = wanted;
  provider.dispatchEvent(new Event("change"));
  key.focus();
  wanted = "";
};
window.llmHub.keyForm = (takesKeys) => { form = takesKeys; fill(); };
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("button[data-key-of]");
  if (!button) return;
  wanted = button.dataset.keyOf;
  frames = 0;
  trigger("key_wanted");
  fill();
});
