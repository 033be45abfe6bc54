"""The API as clients meet it: a real server on a free port, real PostgreSQL, real HTTP and WebSocket clients."""
