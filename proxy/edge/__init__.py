"""HTTP in: the listener that OpenAI apps talk to, and the path of a request."""
