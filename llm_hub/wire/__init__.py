"""What is between an adapter and a socket."""
