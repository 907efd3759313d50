"""What a person sees after a start: addresses, a key, and two ways to try it that work when pasted."""

from proxy.app.running import Addresses

TRY_MODEL = "gpt-4o-mini"
"""A name that OpenAI apps come with; the shipped aliases know it."""
TRY_MESSAGE = "Say hello"


HOW_TO_SIGN_IN = "telnyx-proxy tokens create --name NAME --role owner --config FILE"


def banner(addresses: Addresses, key: str | None, upstream: str, token: str | None = None) -> str:
    """The text. Without a key only the addresses: the configuration has keys of its own.

    `token`: one for the admin API that was made for this run.
    """
    head = (
        f"\n  telnyx-openai-proxy is running, in front of {upstream}\n\n"
        f"  OPENAI_BASE_URL={addresses.base_url}\n"
        + (f"  OPENAI_API_KEY={key}\n" if key else "")
        + f"  dashboard:          {addresses.admin}/dashboard"
        + (
            ", sign in with the token below\n"
            if token
            else f", sign in with admin.token or one of\n{'':22}{HOW_TO_SIGN_IN}\n"
        )
        + f"  metrics and health: {addresses.admin}/metrics, {addresses.admin}/readyz\n"
        + f"  admin API:          {addresses.admin}/admin/docs\n"
        + (f"  TELNYX_PROXY_URL={addresses.admin}\n  TELNYX_PROXY_ADMIN_TOKEN={token}\n" if token else "")
    )
    return head + (_try(addresses, key) if key else "") + "\n  Ctrl-C stops it.\n\n"


def _try(addresses: Addresses, key: str) -> str:
    say = f'[{{"role": "user", "content": "{TRY_MESSAGE}"}}]'
    url = f"{addresses.base_url}/chat/completions"
    return f"""
  With curl:

curl {url} -H 'Authorization: Bearer {key}' \\
  -H 'Content-Type: application/json' -d '{{"model": "{TRY_MODEL}", "messages": {say}}}'

  With Python (pip install openai):

from openai import OpenAI
client = OpenAI(base_url="{addresses.base_url}", api_key="{key}")
messages = {say}
for chunk in client.chat.completions.create(model="{TRY_MODEL}", messages=messages, stream=True):
    print(chunk.choices[0].delta.content or "", end="", flush=True)

  The key was made for this run. Put tenants and keys of your own into the configuration to keep them.
"""


def tell(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, end="", flush=True)  # noqa: T201 - what the program says to the person who started it
