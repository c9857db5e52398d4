// What several scripts make of HTML, or look for in the page.
Object.assign(window.llmHub, {
  make: (tag, text = "", more = {}) => Object.assign(document.createElement(tag), { textContent: text }, more),
  // A button that does its work once at a time. `label` is for screen readers.
  workButton(text, label, work) {
    const button = this.make("button", text, { type: "button", ariaLabel: label });
    button.addEventListener("click", async () => {
      button.disabled = true;
      await work();
      button.disabled = false;
    });
    return button;
  },
  // The button of a tab, on the bar or in the menu of those that have no room there.
  tab: (name) => [...document.querySelectorAll("#tabs :is([role=tablist], .overflow-dropdown) button")]
    .find((button) => button.textContent.trim() === name),
});
