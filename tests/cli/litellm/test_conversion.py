from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from proxy.app.checks import CHECKS
from proxy.cli.litellm.conversion import convert
from proxy.cli.litellm.models import INFO, LOST, PRICES, RATES
from proxy.cli.litellm.report import leaves
from proxy.cli.litellm.sections import GENERAL, LITELLM, ROUTER, TOP
from proxy.cli.litellm.writing import yaml_text
from proxy.settings import Settings, load
from tests.trying import examples

SECRET = "sk-SECRET-0123456789"
TEXT = st.text("abc/*-.:#'\" 019", min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**13) | st.floats(-2, 3) | TEXT | st.just("os.environ/NAME"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
SPECIAL = {"temperature", "max_tokens", "max_completion_tokens", "stop", "seed", "n", "zzz"}
SECRETS = {"api_key": st.just(SECRET) | st.just("os.environ/KEY")}
BASES = st.sampled_from(["https://api.telnyx.com/v2/ai", "https://api.telnyx.eu/v2", "os.environ/BASE", "http://x", ""])
MODELS = st.sampled_from(
    ["openai/moonshotai/Kimi-K2.6", "hosted_vllm/zai-org/GLM-5.2", "gpt-4o", "openai/*", "bedrock/x"]
)


def some(names: Any, **fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A section with some of these names and any values."""
    return st.fixed_dictionaries({}, optional={**dict.fromkeys(sorted(names), VALUES), **fixed})


PARAMS = st.fixed_dictionaries(
    {"model": MODELS},
    optional={**dict.fromkeys(sorted({*LOST, *RATES, *PRICES, *SPECIAL}), VALUES), "api_base": BASES, **SECRETS},
)
DEPLOYMENTS = st.fixed_dictionaries(
    {"model_name": TEXT, "litellm_params": PARAMS},
    optional={"rpm": VALUES, "model_info": some({*INFO, *PRICES, "mode", "zzz"}), "zzz": VALUES},
)
CONFIGURATIONS = st.fixed_dictionaries(
    {},
    optional={
        "model_list": st.lists(DEPLOYMENTS | VALUES, max_size=3),
        "litellm_settings": some(
            {*LITELLM, "drop_params", "request_timeout", "json_logs", "set_verbose", "max_budget", "budget_duration"}
        ),
        "router_settings": some({*ROUTER, "model_group_alias", "timeout", "stream_timeout", "zzz"}, redis_url=VALUES),
        "general_settings": some(
            {*GENERAL, "completion_model", "global_max_parallel_requests", "max_request_size_mb"},
            master_key=st.just(SECRET),
        ),
        **dict.fromkeys(TOP, VALUES),
        "zzz": VALUES,
    },
)


@settings(max_examples=examples(30), deadline=None, phases=[Phase.explicit, Phase.generate])
@given(CONFIGURATIONS)
def test_nothing_is_lost_without_a_line_and_the_outcome_is_a_configuration(given: dict[str, Any]) -> None:
    before = repr(given)
    draft = convert(given)
    told = {line.place for line in draft.report.lines}
    for leaf in leaves(given):
        assert not leaf or any(leaf[:length] in told for length in range(1, len(leaf) + 1)), leaf
    text = yaml_text(draft.configuration())
    assert SECRET not in text + draft.report.text()
    assert repr(given) == before
    with TemporaryDirectory() as folder:
        path = Path(folder, "proxy.yaml")
        path.write_text(text, encoding="utf-8")
        names = ("NAME", "KEY", "TELNYX_API_KEY", "TELNYX_API_KEY_2", "TELNYX_PROXY_ADMIN_TOKEN")
        environ = dict.fromkeys((*names, "TELNYX_PROXY_REDIS_URL"), "redis://a-secret-of-the-environment/0")
        load(path, environ, checks=CHECKS)


def test_a_whole_configuration() -> None:
    draft = convert(yaml.safe_load(WHOLE))
    made = Settings.model_validate(draft.configuration())
    assert dict(made.models.aliases) == {"kimi": "moonshotai/Kimi-K2.6", "gpt-4": "moonshotai/Kimi-K2.6"}
    assert made.upstream.base_url == "https://api.telnyx.com/v2"
    tenant = made.tenants[0]
    assert tenant.limits[0].requests_per_minute == 60
    assert (str(tenant.budgets[0].usd), tenant.budgets[0].per) == ("250", "month")
    unknown = [line.path for line in draft.report.lines if "does not know" in line.text]
    assert unknown == ["litellm_settings.brand_new"]


WHOLE = """
model_list:
  - model_name: kimi
    litellm_params:
      model: openai/moonshotai/Kimi-K2.6
      api_base: https://api.telnyx.com/v2/ai/openai
      api_key: os.environ/TELNYX_API_KEY
      rpm: 60
      max_tokens: 4096
router_settings:
  model_group_alias: {gpt-4: kimi}
litellm_settings:
  max_budget: 250
  budget_duration: 30d
  brand_new: true
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
"""
