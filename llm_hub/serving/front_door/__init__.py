"""What every request passes before the API or the page sees it."""
