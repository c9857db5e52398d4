// Times are counted on here, without the server: "back in 12 s", "40 s ago".
(() => {
  const ago = (age) => age >= 3600 ? `${Math.floor(age / 3600)} h ago`
    : age >= 60 ? `${Math.floor(age / 60)} min ago` : `${Math.floor(age)} s ago`;
  const since = new WeakMap();
  const passed = (part) => {
    if (!since.has(part)) since.set(part, performance.now());
    return (performance.now() - since.get(part)) / 1000;
  };
  setInterval(() => {
    if (document.hidden) return;
    document.querySelectorAll("[data-in]").forEach((part) => {
      part.textContent = `${Math.max(0, Math.ceil(part.dataset.in - passed(part)))} s`;
    });
    document.querySelectorAll("[data-ago]").forEach((part) => {
      part.textContent = ago(Number(part.dataset.ago) + passed(part));
    });
  }, 500);
})();
