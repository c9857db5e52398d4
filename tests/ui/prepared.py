"""What a hub imports until it is ready: importing this module is half of its start, without reading any setting."""

import gc
import os

from llm_hub.serving.server import ENVIRONMENT
from llm_hub.ui.gradio_fixes.import_speed import skip_stubs
from tests.ui.site import INHERITED

for name in set(os.environ) - INHERITED:
    del os.environ[name]
os.environ.update(ENVIRONMENT)
skip_stubs()

import aiosqlite  # noqa: E402, F401  # after what Gradio reads when it is imported
import httpx_aiohttp  # noqa: E402, F401
import prometheus_client  # noqa: E402, F401
import uvloop  # noqa: E402, F401

import llm_hub.checkup.checkup_store  # noqa: E402
import llm_hub.providers.anthropic  # noqa: E402
import llm_hub.providers.openai  # noqa: E402
import llm_hub.runs.open_runs  # noqa: E402
import llm_hub.runs.run_comparison  # noqa: E402
import llm_hub.storage.schema  # noqa: E402
import llm_hub.ui.page  # noqa: E402, F401

gc.freeze()  # what is imported stays shared by the processes that are forked from here
