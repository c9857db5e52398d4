"""Measures the figures that the documentation has, keeps them with date, commit and machine, and writes them there.

    uv run python -m benchmarks.record                     all of them: half an hour on a quiet machine
    uv run python -m benchmarks.record gateways router     these alone; the others stay as they were measured before

Peers are measured where they are installed: see benchmarks/gateways.py. The file says which were not.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import DOCUMENTS, FILE, HERE, fill, load

BENCHMARKS = ("adapters", "router", "gateways", "two_cores", "conversations", "compare", "page")
IN_CHROMIUM = ("conversations", "compare", "page")
CODE = ("llm_hub", "benchmarks/*.py", "uv.lock")
"""What the figures are those of. Where it differs from the commit, the record says so."""
PACKAGES = ("aiohttp", "uvicorn", "uvloop", "openai", "anthropic", "httpx2")
"""What the figures depend on the most, beside the hub itself."""


def _machine() -> dict[str, Any]:
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"Linux {platform.release().split('-')[0]}",
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE).stdout.strip()


def _versions(name: str, peers: Path) -> dict[str, str]:
    versions = {"Python": platform.python_version()}
    if name in IN_CHROMIUM:
        from tests.ui.conftest import CHROMIUM

        return versions | {
            "Gradio": importlib.metadata.version("gradio"),
            "Chromium": next(word for word in _output(CHROMIUM, "--version").split() if word[0].isdigit()),
        }
    if name != "gateways":
        return versions | {package: importlib.metadata.version(package) for package in PACKAGES}
    versions |= {package: importlib.metadata.version(package) for package in PACKAGES[:3]}
    if (peers / "bin" / "ferrogw").exists():
        versions["ferrogw"] = _output(str(peers / "bin" / "ferrogw"), "version").split("\n")[0].split()[-1]
    if (package := peers / "node_modules" / "@portkey-ai" / "gateway" / "package.json").exists():
        versions["Portkey"] = json.loads(package.read_text())["version"]
        versions["Node"] = _output(shutil.which("node") or "node", "--version").removeprefix("v")
    if (litellm := peers / "bin" / "litellm").exists():
        python = str(litellm.resolve().parent / "python")
        versions["LiteLLM"] = _output(python, "-c", "import importlib.metadata as m; print(m.version('litellm'))")
    return versions


def _commit() -> str:
    """The commit that is measured, and whether the code differs from it."""
    changed = _output("git", "status", "--porcelain", "--", *CODE)
    return _output("git", "rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def _measure(name: str, peers: Path) -> dict[str, Any]:
    before, commit = round(os.getloadavg()[0], 1), _commit()
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "figures.json"
        extra = ["--peers", str(peers)] if name == "gateways" else []
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(written), *extra]
        subprocess.run(command, check=True, cwd=HERE)
        figures = json.loads(written.read_text())
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": commit,
        "machine": _machine(),
        "load_before": before,
        "versions": _versions(name, peers),
        "figures": figures,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmarks", nargs="*", metavar="benchmark", help="which of them; all without any")
    parser.add_argument("--peers", type=Path, default=HERE / "peers", help="the folder where the peers are installed")
    options = parser.parse_args()
    if unknown := sorted(set(options.benchmarks) - set(BENCHMARKS)):
        parser.error(f"there is no benchmark {unknown[0]}")
    recorded = load() if FILE.exists() else {}
    for name in options.benchmarks or BENCHMARKS:
        recorded[name] = _measure(name, options.peers.resolve())
        FILE.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
        for document in DOCUMENTS:
            document.write_text(fill(document.read_text(), recorded))


if __name__ == "__main__":
    main()
