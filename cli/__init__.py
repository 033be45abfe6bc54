"""Where is everything put together? Here: the commands one types, and `livery run`, which starts it all."""
