"""`telnyx-proxy secrets`: other providers' keys, kept at Telnyx as integration secrets, and who refers to them.

A provider's key goes to Telnyx once, in one request. It is not stored here and not printed, only the identifier under
which Telnyx has it, which requests name in `api_key_ref`.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.cli.desks import Misused, Refused, Told, enlisted, tell
from proxy.cli.parties import Party, Place, by_account, gathered
from proxy.cli.tables import Column, Row, printable, table

if TYPE_CHECKING:
    from proxy.upstream.integration_secrets import IntegrationSecret, IntegrationSecrets

LONGEST = 65_536
"""Bytes of a provider's key at most: a wrong file must not be sent anywhere."""
THERE, MISSING, NO_KEY = "there", "missing", "unknown: no Telnyx key of the tenant is found here"

LISTED = (
    Column("IDENTIFIER", lambda row, now: row["identifier"], kept=True),
    Column("TENANTS", lambda row, now: ", ".join(row["tenants"])),
    Column("USED FOR", lambda row, now: ", ".join(row["used_for"])),
    Column("CREATED", lambda row, now: row["created_at"]),
    Column("ID", lambda row, now: row["id"], kept=True),
)
CHECKED = (
    Column("TENANT", lambda row, now: row["tenant"], kept=True),
    Column("PROVIDER", lambda row, now: row["provider"], kept=True),
    Column("IDENTIFIER", lambda row, now: row["identifier"], kept=True),
    Column("AT TELNYX", lambda row, now: row["state"]),
)


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    about = "Manage other providers' keys at Telnyx (integration secrets), and which tenants refer to them."
    parser = subparsers.add_parser("secrets", help="manage other providers' keys at Telnyx", description=about)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add(actions, "list", "List the integration secrets of tenants' Telnyx accounts.", _list)
    _add(actions, "check", "Check that what tenants refer to is at Telnyx; 1 where something is missing.", _check)
    sync = _add(actions, "sync", "Hand a provider's key to Telnyx, and let a tenant refer to it.", _sync, one=True)
    sync.add_argument("--provider", required=True, metavar="P", help="prefix of model ids: openai for openai/gpt-4o")
    sync.add_argument("--identifier", required=True, metavar="NAME", help="what the secret is called at Telnyx")
    source = sync.add_mutually_exclusive_group()
    source.add_argument("--from-env", metavar="NAME", help="the environment variable that holds the provider's key")
    source.add_argument("--from-stdin", action="store_true", help="read the key from standard input")
    sync.add_argument("--replace", action="store_true", help="put the key in the place of one that is there already")
    deleting = _add(actions, "delete", "Delete an integration secret at Telnyx.", _delete, one=True)
    deleting.add_argument("identifier", metavar="IDENTIFIER")


def _add(actions: Any, name: str, about: str, act: Any, *, one: bool = False) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=about[0].lower() + about[1:].rstrip("."), description=about
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the YAML file")
    parser.add_argument("--tenant", metavar="ID", required=one, help="whose Telnyx account" + ("" if one else " only"))
    parser.add_argument("--json", action="store_true", help="print one JSON value and nothing else")
    parser.set_defaults(run=run, act=act)
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say. 0 done, 1 refused, or something is missing, 2 misused."""
    from proxy.errors import ProxyError

    try:
        return asyncio.run(_done(args))
    except Misused as fault:
        return _complain(str(fault), 2)
    except (Refused, ProxyError) as fault:
        return _complain(fault.message, 1)


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"telnyx-proxy secrets: {printable(message)}\n")
    return code


async def _done(args: argparse.Namespace) -> int:
    async with gathered(args.config) as place:
        told, code = await args.act(place, args)
    tell(told, json=args.json)
    return int(code)


def _at_telnyx(place: Place, party: Party) -> "IntegrationSecrets":
    """The secrets of the account of a tenant. Raises Refused where it has no Telnyx key."""
    from proxy.upstream.integration_secrets import IntegrationSecrets

    if not party.credential:
        raise Refused(f"no Telnyx key of tenant {party.tenant} is found here; see telnyx-proxy credentials list")
    return IntegrationSecrets(place.transport, place.base_url, party.credential)


# -- the actions


async def _list(place: Place, args: argparse.Namespace) -> tuple[Told, int]:
    rows: list[Row] = []
    for parties in by_account(place.wanted(args.tenant)):
        if parties[0].credential:
            found = await _at_telnyx(place, parties[0]).every()
            rows += [_listed(each, parties) for each in found]
    if not rows:
        return Told(enlisted(rows), notes=("No integration secrets at Telnyx.",)), 0
    return Told(enlisted(rows), lambda screen: table(LISTED, rows, screen)), 0


def _listed(secret: "IntegrationSecret", parties: Sequence[Party]) -> Row:
    return {
        "id": secret.id,
        "identifier": secret.identifier,
        "created_at": secret.created_at,
        "tenants": [party.tenant for party in parties],
        "used_for": sorted(_users(secret.identifier, parties)),
    }


def _users(identifier: str, parties: Iterable[Party]) -> Iterator[str]:
    """`tenant/provider` of everybody who refers to it."""
    for party in parties:
        yield from (f"{party.tenant}/{provider}" for provider, each in party.refs.items() if each == identifier)


async def _check(place: Place, args: argparse.Namespace) -> tuple[Told, int]:
    rows: list[Row] = []
    for parties in by_account(place.wanted(args.tenant)):
        if any(party.refs for party in parties):
            states = await _states(place, parties[0])
            rows += [_checked(party, provider, states) for party in parties for provider in sorted(party.refs)]
    code = 0 if all(row["state"] == THERE for row in rows) else 1
    if not rows:
        return Told(enlisted(rows), notes=("No tenant refers to an integration secret.",)), code
    return Told(enlisted(rows), lambda screen: table(CHECKED, rows, screen)), code


async def _states(place: Place, party: Party) -> Mapping[str, str] | str:
    """Identifier -> THERE, or why that cannot be told."""
    from proxy.errors import ProxyError

    if not party.credential:
        return NO_KEY
    try:
        return dict.fromkeys((each.identifier for each in await _at_telnyx(place, party).every()), THERE)
    except ProxyError as fault:
        return f"unknown: {fault.message}"


def _checked(party: Party, provider: str, states: Mapping[str, str] | str) -> Row:
    identifier = party.refs[provider]
    state = states if isinstance(states, str) else states.get(identifier, MISSING)
    return {"tenant": party.tenant, "provider": provider, "identifier": identifier, "state": state}


async def _sync(place: Place, args: argparse.Namespace) -> tuple[Told, int]:
    party, secret, ref = place.party(args.tenant), _provider_key(args), _ref(args)
    telnyx = _at_telnyx(place, party)
    there = next((each for each in await telnyx.every() if each.identifier == args.identifier), None)
    if secret is None:
        if there is None:
            raise Refused(f"Telnyx has no integration secret '{args.identifier}': give its key with --from-env NAME")
        done = "used as it is"
    elif there is not None and not args.replace:
        raise Refused(
            f"Telnyx has an integration secret '{args.identifier}' already, and nobody can read what it holds. "
            "--replace puts this key in its place; without --from-env or --from-stdin it is used as it is"
        )
    else:
        there, done = await _hand_over(telnyx, args.identifier, secret, there)
    note = await _refer(place, party, ref)
    value = {**ref.model_dump(), "id": there.id, "secret": done}
    text = f"integration secret {args.identifier}: {done}\n"
    return Told(value, lambda screen: text, (note,)), 0


async def _hand_over(
    telnyx: "IntegrationSecrets", identifier: str, secret: str, there: "IntegrationSecret | None"
) -> "tuple[IntegrationSecret, str]":
    """Create it, in the place of the one that is there. Identifiers are unique, so that one has to go first."""
    from proxy.errors import ProxyError
    from proxy.upstream.integration_secrets import Bearer

    if there is None:
        return await telnyx.create(identifier, Bearer(secret)), "created"
    await telnyx.delete(there.id)
    try:
        return await telnyx.create(identifier, Bearer(secret)), "replaced"
    except ProxyError as fault:
        raise Refused(f"the old secret '{identifier}' is deleted, the new one was not made: {fault.message}") from None


async def _refer(place: Place, party: Party, ref: Any) -> str:
    """Let the tenant refer to it, and say so."""
    from proxy.accounts.roles import COMMAND_LINE
    from proxy.admin import api_key_refs

    if party.refs.get(ref.provider) == ref.identifier:
        return f"Tenant {party.tenant} refers to it for {ref.provider}/ models, as before."
    if party.declared:
        return (
            f"Tenant {party.tenant} is declared in {place.config}. To use the secret, write there:\n"
            f"    api_key_refs: {{{ref.provider}: {ref.identifier}}}"
        )
    async with place.store.changing(COMMAND_LINE) as session:
        await api_key_refs.keep(session, ref)
    return f"Tenant {party.tenant} refers to it for {ref.provider}/ models now."


async def _delete(place: Place, args: argparse.Namespace) -> tuple[Told, int]:
    party = place.party(args.tenant)
    telnyx = _at_telnyx(place, party)
    there = next((each for each in await telnyx.every() if each.identifier == args.identifier), None)
    if there is None:
        raise Refused(f"Telnyx has no integration secret '{args.identifier}' of tenant {party.tenant}")
    await telnyx.delete(there.id)
    same = [each for each in place.parties.values() if each.credential == party.credential]
    users = sorted(_users(args.identifier, same))
    notes = (f"Still referred to by {', '.join(users)}: such requests fail now.",) if users else ()
    value = {"id": there.id, "identifier": there.identifier, "deleted": True, "used_for": users}
    return Told(value, lambda screen: f"integration secret {args.identifier} deleted\n", notes), 0


# -- what they are given


def _provider_key(args: argparse.Namespace) -> str | None:
    """The provider's key, None where the secret at Telnyx is to be used as it is. Raises Misused."""
    from proxy.settings import environment

    if args.from_env is not None:
        # Not named: people paste the key itself there.
        where, text = "the environment variable of --from-env", environment().get(args.from_env, "")
    elif args.from_stdin:
        where, text = "standard input", _typed()
    elif args.replace:
        raise Misused("--replace needs the new key: --from-env NAME or --from-stdin")
    else:
        return None
    if not text:
        raise Misused(f"{where} holds nothing")
    if len(text) > LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise Misused(f"{where} holds no key: printable ASCII without blanks is expected")
    return text


def _typed() -> str:
    """Standard input; asked for, and not shown, at a terminal."""
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass("The provider's API key: ").strip()
    return sys.stdin.buffer.read(LONGEST + 1).decode("utf-8", "replace").strip()


def _ref(args: argparse.Namespace) -> Any:
    """The reference, so that nothing is sent to Telnyx that could not be referred to. Raises Misused."""
    from pydantic import ValidationError

    from proxy.admin.api_key_refs import NewApiKeyRef
    from proxy.admin.wording import refusal

    try:
        return NewApiKeyRef(tenant=args.tenant, provider=args.provider, identifier=args.identifier)
    except ValidationError as error:
        raise Misused(refusal(error).message) from None
