import subprocess
import sys


def test_a_proxy_without_a_database_does_not_load_one() -> None:
    """What a request of files needs is imported by every process, also by one that keeps nothing."""
    program = "import sys, proxy.edge.filing, proxy.edge.batches; print('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"False\n"
