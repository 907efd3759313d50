"""Measures the proxy beside a bare aiohttp relay, in one run, with nothing but Python: `python -m tests.bench`.

    answers     what the mock says and the load generator expects, the one thing they share
    mock        a fast upstream on a raw asyncio protocol; a process of its own
    load        a load generator on raw asyncio protocols that judges every answer; a process of its own
    ticking     a clock that ticks in fractions of a millisecond, for both
    relay       the yardstick: the plainest aiohttp relay; a process of its own
    targets     how each thing under measurement is started and addressed
    processes   starting, pinning, watching and ending processes
    measures    one target, one round: the tests and their figures
    comparison  all targets, all rounds, in alternating order: `make bench`
    sequential  one request after another, in interleaved rounds: `make bench-sequential`
    growth      what grows with connections, keys, models and sizes: `make bench-growth`
    micro       every hot function beside a fixed piece of work: `make bench-micro`; micro.json is its baseline
    ledger      requests into a database, and a dashboard's questions: `python -m tests.bench.ledger`
    report      medians, spreads and ratios as a table
    peers/      other gateways, installed and measured the same way

README.md in this folder says how it measures and how to read it.
"""
