"""Files that the browser makes itself: nothing is written on the server, and nobody else can fetch it."""

from __future__ import annotations

SAVE = """(file) => {
  if (!file) return;
  const made = URL.createObjectURL(new Blob([file.text], {type: file.type}));
  const link = Object.assign(document.createElement("a"), {href: made, download: file.name});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(made), 10000);
}"""
"""Saves what `file` made."""

SHARE = """(made) => {
  if (!made) return;
  const address = location.origin + location.pathname + "?" + made.query;
  history.replaceState(null, "", address);
  navigator.clipboard?.writeText(address).catch(() => {});
}"""
"""Puts a set-up's query into the address bar and the clipboard."""


def file(name: str, media_type: str, text: str) -> dict[str, str]:
    return {"name": name, "type": media_type, "text": text}
