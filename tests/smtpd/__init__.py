"""What does the SMTP door promise? One file a verb or a danger, each met from outside over a socket."""
