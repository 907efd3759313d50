"""The client matrix: real clients, each in its own environment, against the proxy and the emulated Telnyx.

    python -m tests.clients                   all of them
    python -m tests.clients langchain vercel  those whose names begin so

How they fared is written down in `results.json` and shown in the README.

Environments are made on first use under `.cache/clients` and kept. A client is a program as the author of an
application writes it (`scripts/`); all it is given are `OPENAI_BASE_URL` and `OPENAI_API_KEY`.
"""
