"""PURE. The Messages API, which Telnyx has too: what is checked, left out and filled in on the way there and back."""
