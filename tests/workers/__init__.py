"""Do rings arrive, does the clock cover for those that do not, and do worker processes start, stop and die well?"""
