"""Can a stranger's bytes make a parser of ours fail or hang? `make fuzz` tries for five minutes each, tests for a moment."""
