"""Workarounds for Gradio 6.31.0. Each file says what Gradio does, why it hurts, and which test tells when it may go.

Those tests show that Gradio still behaves so: when one fails after an update of Gradio, its workaround can be removed.
Others stand where they belong: scripts in assets/gradio_fixes.js, styles in assets/*.css, text blocks in
render/transcript.py and render/page_markdown.py, lists that become shorter in model_choices.py, and what mounting
needs in serving/mount.py.
"""
