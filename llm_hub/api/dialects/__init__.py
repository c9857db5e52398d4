"""The dialects of the API, one file each."""
