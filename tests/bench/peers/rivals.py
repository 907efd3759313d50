"""How each rival is configured and started, and how a client addresses it.

Each is what its makers recommend for production, on one worker; README.md says what that leaves on and off.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from tests.bench import answers
from tests.bench.peers import recipes
from tests.bench.processes import free_port
from tests.bench.targets import OUR_KEY, Build, Target

SLOW_TO_START = 90.0  # seconds; LiteLLM imports for seven with the machine to itself
KEY_VARIABLE = "PEERS_UPSTREAM_KEY"  # from where a rival takes the upstream's key, as its documents advise

Rival = Callable[[Path, Path, int], Target]
"""(its environment, scratch folder, port of the mock) -> a target that can be started."""


def upstream_base(upstream: int) -> str:
    """The base URL by which an OpenAI client reaches the mock."""
    return f"http://{answers.HOST}:{upstream}{answers.UPSTREAM_PATH.removesuffix('/chat/completions')}"


def litellm(environment: Path, folder: Path, upstream: int, *, metrics: bool = True) -> Target:
    """Its documented production configuration without a database: a master key, no debugging, no access log."""
    port = free_port()
    name = "litellm" if metrics else "litellm-bare"
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(litellm_configuration(upstream, metrics=metrics)), encoding="utf-8")  # JSON is YAML
    program = environment / "bin" / "litellm"
    variables = {
        KEY_VARIABLE: answers.UPSTREAM_KEY,
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches a list of prices while it starts
    }
    return Target(
        name=name,
        port=port,
        command=(
            str(program),
            "--config",
            str(file),
            "--host",
            answers.HOST,
            "--port",
            str(port),
            "--num_workers",
            "1",
        ),
        environment=variables,
        version=recipes.version("litellm", environment),
        starting=SLOW_TO_START,
    )


def litellm_configuration(upstream: int, *, metrics: bool) -> dict[str, object]:
    """Every model an alias, every other setting as on its page for production."""
    credentials = {"api_base": upstream_base(upstream), "api_key": f"os.environ/{KEY_VARIABLE}"}
    return {
        "model_list": [
            {"model_name": name, "litellm_params": {"model": f"openai/{answers.PREFIX}{name}", **credentials}}
            for name in answers.MODELS
        ],
        "general_settings": {"master_key": OUR_KEY},
        "litellm_settings": {
            "request_timeout": 600,
            "set_verbose": False,
            "json_logs": True,
            **({"callbacks": ["prometheus"]} if metrics else {}),
        },
    }


def portkey(environment: Path, folder: Path, upstream: int) -> Target:
    """Its open-source gateway keeps nothing: each request says where it goes and brings the upstream's key.

    So it admits whoever comes, and renames a model only to one that the request itself names in another header.
    """
    port = free_port()
    program = environment / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    return Target(
        name="portkey",
        port=port,
        command=("node", str(program), "--headless", f"--port={port}"),
        key=answers.UPSTREAM_KEY,
        prefix=answers.PREFIX,
        headers={"x-portkey-provider": "openai", "x-portkey-custom-host": upstream_base(upstream)},
        environment={"NODE_ENV": "production"},
        version=recipes.version("portkey", environment),
        starting=SLOW_TO_START,
    )


class Elsewhere(Target):
    """A target that chooses its port itself and writes it into the file that its command names last."""

    @property
    def port(self) -> int:
        """0, at which nobody answers, until it is known."""
        file = Path(self.command[-1])
        return int(file.read_text(encoding="ascii")) if file.is_file() else 0

    @port.setter
    def port(self, value: int) -> None:
        """What the construction sets counts for nothing."""


def tensorzero(environment: Path, folder: Path, upstream: int) -> Target:
    """The gateway inside its Python package, with models and the upstream's key in its file.

    Its own keys need Postgres and its records ClickHouse, so it admits whoever comes and records nothing.
    """
    file = folder / "tensorzero.toml"
    file.write_text(tensorzero_configuration(upstream), encoding="utf-8")
    launcher = Path(recipes.__file__).with_name("embedded.py")
    told = folder / "tensorzero.port"
    told.unlink(missing_ok=True)  # of the round before
    return Elsewhere(
        name="tensorzero",
        port=0,
        command=(str(environment / "bin" / "python"), str(launcher), str(file), str(told)),
        path="/openai/v1/chat/completions",
        prefix="tensorzero::model_name::",
        environment={KEY_VARIABLE: answers.UPSTREAM_KEY},
        version=recipes.version("tensorzero", environment),
        starting=SLOW_TO_START,
    )


def tensorzero_configuration(upstream: int) -> str:
    """Every model an alias, no database (the setting of its own benchmarks)."""
    lines = ["[gateway]", "observability.enabled = false"]
    for name in answers.MODELS:
        lines += [
            f'[models."{name}"]',
            'routing = ["mock"]',
            f'[models."{name}".providers.mock]',
            'type = "openai"',
            f'api_base = "{upstream_base(upstream)}"',
            f'model_name = "{answers.PREFIX}{name}"',
            f'api_key_location = "env::{KEY_VARIABLE}"',
        ]
    return "\n".join([*lines, ""])


RIVALS: Mapping[str, tuple[str, Rival]] = MappingProxyType(
    {
        "tensorzero": ("tensorzero", tensorzero),
        "portkey": ("portkey", portkey),
        "litellm": ("litellm", litellm),
        "litellm-bare": ("litellm", partial(litellm, metrics=False)),
    }
)
"""Column -> (its recipe, how to build it), in the order of the table. `litellm-bare` is without metrics, which ours
and `litellm` keep."""
DEFAULT = ("tensorzero", "portkey", "litellm")


def build(name: str, cache: Path) -> Build:
    """A rival as the bench builds its targets, installed now if need be. Raises recipes.NotInstallable."""
    recipe, rival = RIVALS[name]
    return partial(rival, recipes.installed(recipe, cache))
