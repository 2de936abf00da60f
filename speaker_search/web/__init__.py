"""The HTTP API: FastAPI app, routes and the documents that answers are written in."""
