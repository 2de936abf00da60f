"""The HTTP API: FastAPI app, routes, guards and problems."""
