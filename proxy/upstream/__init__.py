"""Talking to Telnyx: the transport, the model catalogue, and repairs of requests that Telnyx refused."""
