"""Kills the proxy under traffic, hundreds of times, and compares its ledger: `python -m tests.soak`, or `make soak`."""

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.lives import soak


def main() -> int:
    """Exit code: 0, 1 where the ledger is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=300, help="how often (300)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="of chance")
    options = parser.parse_args()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # what the kills look like to the emulated Telnyx
    before = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        seen, verdict = asyncio.run(soak(Path(folder), options.kills, options.seed))
    sys.stdout.write(
        f"seed {options.seed}: {seen.kills} kills in {time.monotonic() - before:.0f} s\n"
        f"requests: {seen.asked} begun, {len(seen.reached)} reached Telnyx, {len(seen.answered)} answered whole\n"
        f"ledger: {verdict.rows} rows, {verdict.aborted} aborted, {len(verdict.lost)} lost, "
        f"{len(verdict.unheard)} unheard of, {len(verdict.twice)} twice, {len(verdict.invented)} invented\n"
    )
    if not verdict.good:
        sys.stdout.write(f"{verdict}\n")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
