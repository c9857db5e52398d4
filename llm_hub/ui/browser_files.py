"""Files and links that the browser makes itself: nothing is written on the server, and nobody else can fetch it."""

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
"""JavaScript that saves what `file` gave."""

SHARE = """(link) => {
  if (!link) return;
  const address = location.origin + location.pathname + "?" + link.query;
  history.replaceState(null, "", address);
  navigator.clipboard?.writeText(address).catch(() => {});
}"""
"""JavaScript that puts the query of a set-up into the address bar, and the whole address into the clipboard."""


def file(name: str, media_type: str, text: str) -> dict[str, str]:
    """A file as `SAVE` takes it."""
    return {"name": name, "type": media_type, "text": text}
