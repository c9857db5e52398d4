"""What makes a comparison fair, and what is kept of it. Imports no Gradio, and nothing heavy until it is needed."""
