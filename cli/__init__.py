"""Where is everything put together? Here: the commands that an operator types, and `livery run`, which starts it all."""
