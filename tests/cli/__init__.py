"""What an operator may rely on when typing `livery …` and `make …`."""
