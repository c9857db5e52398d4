"""What has to be worked around in Gradio, a file each."""
