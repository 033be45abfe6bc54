"""Does the desk deliver what is due: once, fairly, whatever breaks? Against real PostgreSQL and a scripted transport."""
