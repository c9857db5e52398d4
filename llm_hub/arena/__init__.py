"""Comparing models: blind comparisons, votes, ratings, differences and links. Imports no Gradio, and NumPy and
SQLAlchemy only when they are used."""
