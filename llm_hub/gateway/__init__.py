"""The one door that the page and the API go through."""
