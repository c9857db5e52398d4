"""Starts LLM Hub, as the command `llm-hub` does: `python app.py`. A Hugging Face Space starts here too."""

from llm_hub.__main__ import main

if __name__ == "__main__":
    main()
