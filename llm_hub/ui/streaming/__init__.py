"""From an answer's events to updates of the page."""
