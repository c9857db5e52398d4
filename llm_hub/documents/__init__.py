"""Files that people attach: what kind they are, the text in them, and how a provider is sent them.

    read_file(path) → Document → prepare(request) → the adapter's body

PDF and DOCX are read by a process of their own, which may take so much memory and time and no more: reader.py. Adapters
get a `Document` only where their server takes the file as it is. Everybody else gets its text.
"""
