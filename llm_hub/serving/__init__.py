"""From a socket to the API and the page."""
