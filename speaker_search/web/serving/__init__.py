"""What stands between the socket and the routes: connections, guards, keys, turns, readiness and metrics."""
