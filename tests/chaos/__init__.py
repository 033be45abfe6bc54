"""Is anything lost when processes die at the worst moment? Seeded kills under load, and the accounting afterwards."""
