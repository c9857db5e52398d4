"""The database and its tables."""
