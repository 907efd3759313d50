"""A LiteLLM configuration as ours: pure conversion, and a line about every setting of it."""
