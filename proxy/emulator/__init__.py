"""A Telnyx to practise on: its chat and model endpoints, its doubts and its bad days, on a local port.

It shares no code with the proxy that it judges (an import contract keeps it so), and it needs no account and no
network.

    POST /v2/ai/openai/chat/completions      and the older /v2/ai/chat/completions
    GET  /v2/ai/openai/models                and the older /v2/ai/models
    GET  /v2/ai/openai/embeddings/models
    POST /v2/ai/anthropic/v1/messages
    POST /v2/ai/fine_tuning/jobs             GET lists; GET /{id}, POST /{id}/cancel
    GET  /_requests                          what arrived and how each answer ended; DELETE forgets it
    PUT  /_scenario  {"name", "options"}     how to behave from now on (POST does the same, GET tells)
    GET  /_scenarios                         every scenario with its description and options
    POST /_release                           lets every paused or stalled answer go on

Three words:
    Behaviour   a frozen record of every way in which Telnyx may behave; its defaults are the good day (`behaviour.py`)
    scenario    a name for what differs from the defaults (`scenarios.py`); `crlf+usage-missing` combines two
    key         any bearer key that starts with `KEY` is accepted; `KEY_rate-limited` chooses a scenario for one request

The path of a request: `app` records it (`state`), authenticates it, fails if the scenario says so (`failures`),
validates it against the published schema (`schema`, `validation`), refuses what a model refuses (`refusals`), thinks
up an answer (`answers`, with `tools`, `conforming`, `patterns`, `tokens`), dresses it whole (`completions`) or in
chunks (`streaming`), and writes it (`wire`). Nothing is random: the same requests in the same order are answered with
the same words.
"""
