"""What the page says in its own words, a module for each tab. A text with {names} in it is filled by `str.format`."""
