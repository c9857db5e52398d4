"""Runs: a set of prompts, asked of several targets several times, and what the answers amount to."""
