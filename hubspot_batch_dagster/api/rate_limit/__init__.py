"""One budget of requests for every process that shares the app."""
