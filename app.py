"""Starts LLM Hub: `python app.py`. A Hugging Face Space starts here too."""

from llm_hub.serving.server import main

if __name__ == "__main__":
    main()
