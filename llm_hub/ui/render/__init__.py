"""From what the server knows to the HTML and Markdown that the page shows."""
