"""Does the pure wire code keep to the standards, byte by byte?"""
