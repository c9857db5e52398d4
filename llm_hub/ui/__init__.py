"""The page, made with Gradio. Each tab is a file or a package of its own. Nothing in here names a provider."""
