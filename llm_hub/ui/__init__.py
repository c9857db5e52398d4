"""The page: Gradio Blocks over the hub. One file a tab; no provider is named in here."""
