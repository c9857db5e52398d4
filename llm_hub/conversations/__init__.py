"""Conversations: trees of turns that outlive the page, the answers that are being written, and where both are kept."""
