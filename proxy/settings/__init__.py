"""What can be configured: the models, where secrets are found, and loading with every fault at once.

    faults, shape          what a fault is; what a setting looks like from outside
    document, overrides    the YAML file with its lines; the environment laid over it
    section, quantities, secrets, request, aliases, tenants, model    the settings themselves
    wording, checks        pydantic's errors in plain words; what only shows when settings are seen together
    loading, merging       from a file to Settings; what a tenant or a model overrides
    reference              the settings as documentation

The environment is read here and nowhere else.
"""

from proxy.settings.faults import ConfigurationError, Fault, expect_known
from proxy.settings.loading import Check, environment, load, load_stored, with_telnyx_keys
from proxy.settings.merging import laid_over, overridden
from proxy.settings.model import ModelProfile, Settings, Translation, Upstream
from proxy.settings.secrets import Secret
from proxy.settings.tenants import Key, Tenant

__all__ = [
    "Check",
    "ConfigurationError",
    "Fault",
    "Key",
    "ModelProfile",
    "Secret",
    "Settings",
    "Tenant",
    "Translation",
    "Upstream",
    "environment",
    "expect_known",
    "laid_over",
    "load",
    "load_stored",
    "overridden",
    "with_telnyx_keys",
]
