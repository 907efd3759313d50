"""`telnyx-proxy explain --config FILE REQUEST.json`: what would be sent to Telnyx, and why. Nothing is sent."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proxy.settings import Settings
    from proxy.translation.changes import Change


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "explain",
        help="show what a request becomes",
        description="Show what a chat completions request would become, and every change with its reason. "
        "Nothing is sent, and no secret is needed.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the YAML file")
    parser.add_argument("--tenant", metavar="ID", help="whose rules hold; may be left out where there is only one")
    parser.add_argument("request", type=Path, metavar="REQUEST.json", help="an OpenAI request; - reads standard input")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the upstream request and its changes and return 0; a refusal and 1; bad usage and 2."""
    from proxy import codec
    from proxy.app.checks import CHECKS
    from proxy.app.starting import with_tenant
    from proxy.errors import ClientFault
    from proxy.settings import environment, load

    settings, _ = with_tenant(load(args.config, environment(), secrets=False, checks=CHECKS))
    tenant = _tenant(settings, args.tenant)
    if tenant is None:
        return 2
    data = sys.stdin.buffer.read() if str(args.request) == "-" else args.request.read_bytes()
    try:
        body, changes = _translate(settings, tenant, codec.decode_object(data))
    except codec.NotJson as fault:
        where = f"line {fault.line} column {fault.column}: " if fault.line else ""
        sys.stderr.write(f"{args.request}: {where}{fault.message}\n")
        return 2
    except ClientFault as refusal:
        sys.stdout.write(f"refused with {refusal.status}:\n{codec.encode_pretty(refusal.envelope())}\n")
        return 1
    url = settings.upstream.base_url + settings.upstream.chat_path
    sys.stdout.write(f"POST {url}\n\n{codec.encode_pretty(body)}\n\n{_told(changes)}")
    return 0


def _tenant(settings: "Settings", wanted: str | None) -> str | None:
    from proxy.settings import expect_known

    ids = [tenant.id for tenant in settings.tenants]
    if wanted is None and len(ids) == 1:
        return ids[0]
    if wanted in ids:
        return wanted
    if wanted is None:
        sys.stderr.write(f"name one of the tenants with --tenant: {', '.join(ids)}\n")
    else:
        sys.stderr.write(f"{expect_known('tenants', [wanted], ids, 'a tenant of this configuration')[0]}\n")
    return None


def _translate(settings: "Settings", tenant: str, request: dict[str, Any]) -> "tuple[dict[str, Any], list[Change]]":
    from proxy.edge.models import expect_allowed, meant
    from proxy.edge.terms import TermsBook
    from proxy.translation import chat, quirks
    from proxy.upstream.repair import refuser

    book = TermsBook(settings)
    model, alias = meant(book, {}, request.get("model"))
    terms = book.look_up(tenant, model)
    expect_allowed(model, allowed=terms.allowed)
    translated = chat.translate(request, model, terms.policy)
    body, adapted = quirks.adapt(translated.body, terms.manner, (), refuser(terms.policy))
    return body, [*([alias] if alias else []), *translated.changes, *adapted]


def _told(changes: "list[Change]") -> str:
    if not changes:
        return "Nothing is changed.\n"
    width = max(len(change.text()) for change in changes)
    return "".join(f"{change.kind:9}  {change.text():{width}}  {change.reason}\n" for change in changes)
