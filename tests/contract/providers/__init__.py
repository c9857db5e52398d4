"""One file a provider: how to build it against the wall, and what its protocol lacks. Each has a list `CASES`."""
