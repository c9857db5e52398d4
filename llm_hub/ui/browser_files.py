"""Files and links that the browser makes itself: the server stores nothing that somebody else could fetch."""

from __future__ import annotations

SAVE = """(file) => {
  if (!file) return;
  const address = URL.createObjectURL(new Blob([file.text], {type: file.type}));
  const link = Object.assign(document.createElement("a"), {href: address, download: file.name});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}"""
"""JavaScript that saves a `browser_file` on the visitor's computer."""

SHARE = """(link) => {
  if (!link) return;
  const address = location.origin + location.pathname + "?" + link.query;
  history.replaceState(null, "", address);
  navigator.clipboard?.writeText(address).catch(() => {});
}"""
"""JavaScript that puts the query of a set-up into the address bar, and the whole address into the clipboard."""


def browser_file(name: str, media_type: str, text: str) -> dict[str, str]:
    """A file as `SAVE` takes it."""
    return {"name": name, "type": media_type, "text": text}
