"""The services that run together: what they mount is there, what they say to one another fits, nothing is open."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.cli.main import parser
from proxy.settings.loading import load
from tests.deploy.boards import DASHBOARDS, DEPLOY
from tests.deploy.laid_out import one, stages
from tests.house.repository import ROOT

FILE = DEPLOY / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]

KNOWN = frozenset(
    [
        "build",
        "cap_drop",
        "command",
        "depends_on",
        "environment",
        "healthcheck",
        "image",
        "ports",
        "read_only",
        "restart",
        "secrets",
        "security_opt",
        "stop_grace_period",
        "tmpfs",
        "volumes",
    ]
)
"""What we use of the Compose specification's service. Anything else is a slip, or has to be looked up first."""
HEALTH = frozenset({"test", "interval", "timeout", "start_period", "retries"})
DURATION = re.compile(r"(?:\d+(?:h|m|s|ms))+")

every_service = pytest.mark.parametrize("name", SERVICES)


def mounts(name: str) -> dict[str, str]:
    """Source -> target of a service's volumes."""
    return dict(volume.split(":")[:2] for volume in SERVICES[name].get("volumes", ()))


def environment(name: str) -> dict[str, str]:
    return dict(SERVICES[name].get("environment", {}))


def filled_in(text: str, values: dict[str, str]) -> str:
    """`${NAME:-default}` as Compose reads it."""
    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda found: values.get(found[1]) or found[2] or "", text)


def test_there_are_four() -> None:
    assert set(SERVICES) == {"proxy", "emulator", "prometheus", "grafana"}
    assert set(COMPOSE) - {"name", "services", "secrets", "volumes"} == {"x-hardened"}


@every_service
def test_a_service_is_as_the_specification_has_it(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= KNOWN
    assert all(isinstance(value, str) for value in environment(name).values()), "booleans and numbers are quoted"
    check = service.get("healthcheck", {"test": ["CMD"]})
    assert set(check) <= HEALTH
    assert check["test"][0] == "CMD"
    assert all(isinstance(word, str) for word in [*check["test"], *service.get("command", ())])
    times = [value for key, value in check.items() if key not in {"test", "retries"}]
    assert all(DURATION.fullmatch(time) for time in [*times, service.get("stop_grace_period", "1s")])
    for other, condition in service.get("depends_on", {}).items():
        assert condition == {"condition": "service_healthy"}
        assert other in SERVICES
        assert "healthcheck" in SERVICES[other] or "build" in SERVICES[other], "the image has one"


@every_service
def test_nothing_is_open_to_other_machines(name: str) -> None:
    assert [port for port in SERVICES[name].get("ports", ()) if not port.startswith("127.0.0.1:")] == []


@every_service
def test_a_service_may_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service.get("read_only") or name == "grafana", "Grafana unpacks plugins beside itself"
    assert re.search(r":(?!latest)[\w.-]+$", service["image"])


@every_service
def test_what_is_mounted_is_there(name: str) -> None:
    for source in mounts(name):
        if source.startswith("."):
            assert (DEPLOY / source).exists(), source
        else:
            assert source in COMPOSE["volumes"], source
    read = [volume for volume in SERVICES[name].get("volumes", ()) if volume.startswith(".")]
    assert all(volume.endswith(":ro") for volume in read)
    assert set(SERVICES[name].get("secrets", ())) <= set(COMPOSE["secrets"])


def test_secrets_are_files_that_git_and_the_image_do_not_see() -> None:
    """Others cannot be mounted into a container with a read-only root."""
    for secret in COMPOSE["secrets"].values():
        assert set(secret) == {"file"}
        assert secret["file"].startswith("./secrets/")
    assert "/secrets/" in (DEPLOY / ".gitignore").read_text(encoding="utf-8").splitlines()
    named = {key: value for name in SERVICES for key, value in environment(name).items()}
    hidden = {key: value for key, value in named.items() if re.search("PASSWORD|TOKEN|SECRET|API_KEY", key)}
    assert set(hidden.values()) == {"/run/secrets/grafana-password", "${TELNYX_API_KEY:-KEY_demo}"}


def test_the_image_is_built_from_the_repository() -> None:
    for name in ("proxy", "emulator"):
        build = SERVICES[name]["build"]
        assert (DEPLOY / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()
    assert SERVICES["proxy"]["image"] == SERVICES["emulator"]["image"]
    assert mounts("proxy")["proxy-data"] == one(stages()[1], "VOLUME").rest
    assert mounts("proxy")["./proxy.yaml"] in " ".join(one(stages()[1], "CMD").listed())


def test_the_emulator_starts_where_the_proxy_looks_for_it() -> None:
    words = SERVICES["emulator"]["command"]
    args = parser(words).parse_args(words)
    assert (args.command, args.host) == ("emulator", "0.0.0.0")  # noqa: S104 - of the container
    base_url = filled_in(environment("proxy")["TELNYX_PROXY_UPSTREAM__BASE_URL"], {})
    assert base_url == f"http://emulator:{args.port}/v2"
    assert f"127.0.0.1:{args.port}/" in SERVICES["emulator"]["healthcheck"]["test"][-1]
    assert filled_in(environment("proxy")["TELNYX_API_KEY"], {}).startswith("KEY")


@pytest.mark.parametrize(
    ("given", "base_url"),
    [
        ({}, "http://emulator:8090/v2"),
        ({"TELNYX_BASE_URL": "https://api.telnyx.com/v2", "TELNYX_API_KEY": "KEY1"}, "https://api.telnyx.com/v2"),
    ],
)
def test_the_proxy_takes_what_it_is_given(tmp_path: Path, given: dict[str, str], base_url: str) -> None:
    text = (DEPLOY / "proxy.yaml").read_text(encoding="utf-8")
    (tmp_path / "admin-token").write_text("an-admin-token-of-the-tests")
    path = tmp_path / "proxy.yaml"
    text = text.replace("/etc/telnyx-proxy/models.yaml", str(ROOT / "config" / "models.yaml"))
    path.write_text(text.replace("/run/secrets", str(tmp_path)))
    settings = load(path, {name: filled_in(value, given) for name, value in environment("proxy").items()})
    assert settings.upstream.base_url == base_url
    assert settings.upstream.api_key is not None
    assert settings.upstream.api_key.reveal() == given.get("TELNYX_API_KEY", "KEY_demo")
    ports = {f"127.0.0.1:{port}:{port}" for port in (settings.listen.port, settings.admin.port)}
    assert set(SERVICES["proxy"]["ports"]) == ports
    grace = int(SERVICES["proxy"]["stop_grace_period"].removesuffix("s"))
    assert grace >= (settings.shutdown.grace or 0) + 10


def test_prometheus_finds_configuration_rules_token_and_proxy() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    place = Path(mounts("prometheus")["./prometheus/prometheus.yml"])
    assert f"--config.file={place}" in SERVICES["prometheus"]["command"]
    assert str(place.parent / config["rule_files"][0]) == mounts("prometheus")["./prometheus/rules"] + "/*.yml"
    assert f"--storage.tsdb.path={mounts('prometheus')['prometheus-data']}" in SERVICES["prometheus"]["command"]
    (job,) = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["proxy:8081"]}]
    token = job["authorization"]["credentials_file"]
    assert Path(token).name in SERVICES["prometheus"]["secrets"]
    assert token in (DEPLOY / "proxy.yaml").read_text(encoding="utf-8"), "both read the same file"


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    assert mounts("grafana")["./grafana/provisioning"] == "/etc/grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    assert source["isDefault"] is True
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "telnyx-proxy.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    folder = mounts("grafana")["./grafana/dashboards"]
    assert provider["options"]["path"] == folder
    home = environment("grafana")["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home in {f"{folder}/{path.name}" for path in DASHBOARDS}
    password = Path(environment("grafana")["GF_SECURITY_ADMIN_PASSWORD__FILE"])
    assert password.name in SERVICES["grafana"]["secrets"]


def has_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_compose(), reason="docker has no compose plugin here")
def test_compose_itself_takes_the_file() -> None:
    words = ["docker", "compose", "-f", str(FILE), "config", "--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
