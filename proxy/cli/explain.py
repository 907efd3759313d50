"""`telnyx-proxy explain --config FILE REQUEST.json`: what would be sent to Telnyx, and why. Nothing is sent."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.cli.foreseeing import Foreseen
    from proxy.settings import Settings

CHAT = "chat.completions"
ENDPOINTS = (
    CHAT,
    "responses",
    "completions",
    "embeddings",
    "audio.transcriptions",
    "audio.speech",
    "fine_tuning.jobs.create",
    "messages",
)
"""What can be explained; named here so that `--help` need not load any of it."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "explain",
        help="show what a request becomes",
        description="Show what a request would become, and every change with its reason. Nothing is sent, no secret is "
        "needed, and what is kept of earlier requests is not looked at.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the YAML file")
    parser.add_argument("--tenant", metavar="ID", help="whose rules hold; may be left out where there is only one")
    parser.add_argument(
        "--endpoint",
        default=CHAT,
        choices=ENDPOINTS,
        metavar="NAME",
        help=f"what the request is for: {', '.join(ENDPOINTS)} (default {CHAT})",
    )
    parser.add_argument(
        "request",
        type=Path,
        metavar="REQUEST.json",
        help="the body of a request, or the fields of its form as JSON; - reads standard input",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the upstream request and its changes and return 0; a refusal and 1; bad usage and 2."""
    from proxy import codec
    from proxy.app.checks import CHECKS
    from proxy.app.starting import with_tenant
    from proxy.cli.foreseeing import Case, foresee, refusal
    from proxy.errors import ClientFault
    from proxy.settings import environment, load

    settings, _ = with_tenant(load(args.config, environment(), secrets=False, checks=CHECKS))
    tenant = _tenant(settings, args.tenant)
    if tenant is None:
        return 2
    data = sys.stdin.buffer.read() if str(args.request) == "-" else args.request.read_bytes()
    try:
        foreseen = foresee(args.endpoint, Case(settings, tenant, codec.decode_object(data)))
    except codec.NotJson as fault:
        where = f"line {fault.line} column {fault.column}: " if fault.line else ""
        sys.stderr.write(f"{args.request}: {where}{fault.message}\n")
        return 2
    except ClientFault as fault:
        status, body = refusal(args.endpoint, fault)
        sys.stdout.write(f"refused with {status}:\n{codec.encode_pretty(body)}\n")
        return 1
    kind = "Content-Type: multipart/form-data\n" if foreseen.form else ""
    url = settings.upstream.base_url + foreseen.path
    sys.stdout.write(f"POST {url}\n{kind}\n{codec.encode_pretty(dict(foreseen.body))}\n\n{_told(foreseen)}")
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


def _told(foreseen: "Foreseen") -> str:
    changes, notes = foreseen.changes, "".join(f"\n{note}\n" for note in foreseen.notes)
    if not changes:
        return f"Nothing is changed.\n{notes}"
    width = max(len(change.text()) for change in changes)
    return "".join(f"{each.kind:9}  {each.text():{width}}  {each.reason}\n" for each in changes) + notes
