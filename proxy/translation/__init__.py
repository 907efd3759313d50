"""What OpenAI says, what Telnyx hears, and back. Pure: dictionaries in, dictionaries out; no socket, clock or log."""
