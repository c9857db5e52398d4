"""One file a provider: how to build it against the fault server, and what its protocol lacks. Each lists `CASES`."""
