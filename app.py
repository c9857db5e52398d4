"""Starts LLM Hub: `python app.py`. Spaces start here too."""

from llm_hub.serving.server import main

if __name__ == "__main__":
    main()
