"""The Runs tab: a set of prompts, asked of several targets several times."""
