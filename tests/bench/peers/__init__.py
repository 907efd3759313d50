"""Measures rival gateways beside ours, in one run: `make bench-peers`, or `python -m tests.bench.peers`.

    recipes     which rivals, in which versions, and how they are installed into environments of their own
    rivals      how each is configured and started
    embedded    starts the gateway that TensorZero's Python package carries; runs in the rival's environment
    checks      does it answer rightly, whole and in a stream?

README.md in this folder says what is fair about it and what is not.
"""
