"""Measures the proxy beside a bare aiohttp relay, in one run, with nothing but Python: `python -m tests.bench`.

    answers     what the mock says and the load generator expects, the one thing they share
    mock        a fast upstream on a raw asyncio protocol; a process of its own
    load        a load generator on raw asyncio protocols that judges every answer; a process of its own
    relay       the yardstick: the plainest aiohttp relay; a process of its own
    targets     how each thing under measurement is started
    processes   starting, pinning, watching and ending processes
    measures    one target, one round: the figures
    report      medians, spreads and ratios as a table

README.md in this folder says how it measures and how to read it.
"""
