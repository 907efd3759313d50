"""How each thing under measurement is started, and how a client addresses it."""

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from proxy import codec
from tests.bench import answers
from tests.bench.processes import free_port

OUR_KEY = "sk-bench-0123456789abcdefghijklmnop"


@dataclass(frozen=True)
class Target:
    """One thing under measurement, listening on a loopback port once its command runs."""

    name: str
    port: int
    command: tuple[str, ...] = ()
    """Empty for the mock itself, which runs anyway."""
    path: str = answers.CLIENT_PATH
    key: str = OUR_KEY
    prefix: str = ""
    """What a client must put before the model's name because the target does not."""


def direct(folder: Path, upstream: int) -> Target:
    """No proxy: the load generator speaks to the mock. What is left is the cost of the tools."""
    return Target("direct", upstream, (), answers.UPSTREAM_PATH, answers.UPSTREAM_KEY, answers.PREFIX)


def relay(folder: Path, upstream: int) -> Target:
    port = free_port()
    command = (sys.executable, "-m", "tests.bench.relay", "--port", str(port), "--upstream", str(upstream))
    return Target("relay", port, command)


def ours(folder: Path, upstream: int) -> Target:
    """The proxy as a user starts it, with the aliases, tenant and key of an ordinary configuration."""
    port = free_port()
    configuration = {
        "listen": {"host": answers.HOST, "port": port},
        "admin": {"host": answers.HOST, "port": free_port()},
        "upstream": {"base_url": f"http://{answers.HOST}:{upstream}/v2"},
        "models": {"aliases": {name: answers.PREFIX + name for name in answers.MODELS}},
        "tenants": [
            {
                "id": "bench",
                "upstream_api_key": {"value": answers.UPSTREAM_KEY},
                "keys": [{"name": "bench", "secret": {"value": OUR_KEY}}],
            }
        ],
    }
    file = folder / "proxy.yaml"
    file.write_bytes(codec.encode(configuration))  # JSON is YAML
    program = Path(sys.executable).with_name("telnyx-proxy")
    return Target("ours", port, (str(program), "serve", "--config", str(file)))


NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr warn; worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off; tcp_nodelay on; keepalive_timeout 600s; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream mock {{ server {host}:{upstream}; keepalive 2048; keepalive_requests 1000000000; }}
  server {{
    listen {host}:{port} backlog=4096;
    location = {path} {{
      proxy_pass http://mock{upstream_path}; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Connection ""; proxy_set_header Authorization "Bearer {key}";
    }}
  }}
}}
"""


def nginx(folder: Path, upstream: int) -> Target:
    """The floor: it swaps path and credential in C, and cannot swap the model, which the client names in full."""
    port = free_port()
    values = {"folder": folder, "host": answers.HOST, "port": port, "upstream": upstream}
    paths = {"path": answers.CLIENT_PATH, "upstream_path": answers.UPSTREAM_PATH, "key": answers.UPSTREAM_KEY}
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(**values, **paths))
    program = shutil.which("nginx") or "nginx"
    return Target("nginx", port, (program, "-p", str(folder), "-c", str(file), "-e", "stderr"), prefix=answers.PREFIX)


TARGETS: Mapping[str, Callable[[Path, int], Target]] = MappingProxyType(
    {"direct": direct, "nginx": nginx, "relay": relay, "ours": ours}
)
"""In the order of the table, cheapest first."""


def available() -> list[str]:
    """What can be measured here: nginx only where it is installed."""
    return [name for name in TARGETS if name != "nginx" or shutil.which("nginx")]
