"""How each thing under measurement is started, and how a client addresses it."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from proxy import codec
from tests.bench import answers
from tests.bench.processes import free_port

OUR_KEY = "sk-bench-0123456789abcdefghijklmnop"


STARTING = 30.0


@dataclass(frozen=True)
class Target:
    """One thing under measurement, listening on a loopback port once its command runs.

    Attributes:
        name: its column.
        port: on loopback, for clients.
        command: empty for the mock itself, which runs anyway.
        path: what clients post to.
        key: what they authenticate with.
        prefix: what a client must put before the model's name because the target does not.
        headers: further headers that its clients send.
        environment: laid over ours for its process.
        version: as its own command or package says, for the head of the report.
        starting: seconds it has until its first good answer.
        rewrites: it makes the chunks of a stream anew, so that their number may differ; of every stream the text is
            compared then, and the end.
    """

    name: str
    port: int
    command: tuple[str, ...] = ()
    path: str = answers.CLIENT_PATH
    key: str = OUR_KEY
    prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    starting: float = STARTING
    rewrites: bool = False


Build = Callable[[Path, int], Target]
"""(scratch folder, port of the mock) -> a target that can be started."""


def direct(folder: Path, upstream: int) -> Target:
    """No proxy: the load generator speaks to the mock. What is left is the cost of the tools."""
    return Target("direct", upstream, (), answers.UPSTREAM_PATH, answers.UPSTREAM_KEY, answers.PREFIX)


def relay(folder: Path, upstream: int) -> Target:
    port = free_port()
    command = (sys.executable, "-m", "tests.bench.relay", "--port", str(port), "--upstream", str(upstream))
    return Target("relay", port, command, version=version("aiohttp"))


def ours(folder: Path, upstream: int, *, keys: int = 1, models: int = 1) -> Target:
    """The proxy as a user starts it, with the aliases, tenant and keys of an ordinary configuration."""
    port = free_port()
    file = folder / "proxy.yaml"
    file.write_bytes(codec.encode(configuration(port, upstream, keys, models)))  # JSON is YAML
    program = Path(sys.executable).with_name("telnyx-proxy")
    return Target("ours", port, (str(program), "serve", "--config", str(file)), version=version("telnyx-openai-proxy"))


def configuration(port: int, upstream: int, keys: int = 1, models: int = 1) -> dict[str, Any]:
    """Ours, with so many keys and with so many aliases for each kind of stream."""
    names = [answers.numbered(name, number) for name in answers.MODELS for number in range(models)]
    secrets = [answers.numbered(OUR_KEY, number) for number in range(keys)]
    tenant = {
        "id": "bench",
        "upstream_api_key": {"value": answers.UPSTREAM_KEY},
        "keys": [{"name": f"bench-{number}", "secret": {"value": secret}} for number, secret in enumerate(secrets)],
    }
    return {
        "listen": {"host": answers.HOST, "port": port},
        "admin": {"host": answers.HOST, "port": free_port()},
        "upstream": {"base_url": f"http://{answers.HOST}:{upstream}/v2"},
        "models": {"aliases": {name: answers.PREFIX + name for name in names}},
        "tenants": [tenant],
    }


NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr warn; worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off; tcp_nodelay on; keepalive_timeout 600s; keepalive_requests 1000000000;
  client_max_body_size 64m; client_body_buffer_size 64m;
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
    command = (program, "-p", str(folder), "-c", str(file), "-e", "stderr")
    return Target("nginx", port, command, prefix=answers.PREFIX, version=nginx_version(program))


def nginx_version(program: str) -> str:
    """`1.22.1`; empty where it does not say."""
    if not shutil.which(program):
        return ""
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
    return said.strip().rpartition("/")[2]


TARGETS: Mapping[str, Build] = MappingProxyType({"direct": direct, "nginx": nginx, "relay": relay, "ours": ours})
"""In the order of the table, cheapest first."""


def available() -> list[str]:
    """What can be measured here: nginx only where it is installed."""
    return [name for name in TARGETS if name != "nginx" or shutil.which("nginx")]
