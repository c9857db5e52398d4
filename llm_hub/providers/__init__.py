"""The adapters: one file for each wire protocol, imported only when a provider is built."""
