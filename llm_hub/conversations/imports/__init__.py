"""Conversations from files: LLM Hub's own, and exports of ChatGPT, Claude and Open WebUI, each read by a module."""
