"""Starts the HTTP gateway that TensorZero's Python package carries.  usage: embedded.py CONFIGURATION PORT_FILE

Run by the interpreter of the rival's own environment, so it imports nothing of ours. The gateway is Rust, on threads of
its own; this process only keeps it alive. It chooses its port itself, and the file tells which.
"""

import signal
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

from tensorzero import patch_openai_client  # type: ignore[import-not-found]  # of another environment


def main(configuration: str, port_file: str) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # the package wants people to run a container instead
    client = patch_openai_client(SimpleNamespace(), config_file=configuration, async_setup=False)
    authority = str(client.base_url).split("/")[2]
    scratch = Path(port_file).with_suffix(".new")
    scratch.write_text(authority.rpartition(":")[2], encoding="ascii")
    scratch.rename(port_file)  # so that nobody reads half of it
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
