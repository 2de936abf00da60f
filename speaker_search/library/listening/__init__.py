"""Query sounds: decoded, and listened to."""
