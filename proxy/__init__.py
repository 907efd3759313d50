"""telnyx-openai-proxy: any OpenAI app on Telnyx AI inference, by changing two environment variables.

This docstring is the map. Eight words first.

*Endpoint*: one row of `endpoints.py`, what a client can call. *Grant*: what a client's key opens.
*Reservation*: what a request may use up of its limits and budgets, settled with what it did use.
*Policy* and *Manner*: what the operator decided about a tenant and a model, and how that model is spoken to.
*Changes*: what was done to a request and why; the client reads them in `x-telnyx-proxy-changes`.
*Record*: what is known of a request when it has ended, however it ended. *Entry*: its row in the ledger.
*Spool*: where entries wait for the database.

The rooms, from the street to the cellar. Imports point down only; `|` means strangers to one another.

    cli/            one subcommand per file: serve, demo, check, explain, keys, limits, ...; cli/litellm/ for newcomers
    app/            the composition root: settings -> services -> two listeners, in one process or in several workers;
                    nothing else chooses implementations
    edge/ | admin/ | emulator/
                    HTTP in: the path of a request, one way for each endpoint (edge/ways) | the operator's API, ours and
                    OpenAI's (admin/organization/),
                    a table of operations that HTTP and the command line share; admin/dashboard/, pages for a browser
                    | a Telnyx to practise on
    endpoints.py    THE TABLE OF CONTENTS
    upstream/ | storage/ | telemetry/
                    Telnyx: our own HTTP connections, model list, repairs | tenants, keys, the audit log in a database
                    (storage/migrations/), limits counted here or in Redis; the ledger: storage/spool, ledger, rollups,
                    and what it is asked, reports; responses and conversations (storage/state), files and batches
                    (storage/filing, batching) | metrics, log lines, spans, health
    streaming/      PURE. answers that arrive in pieces: bytes -> bytes
    translation/ | accounts/
                    PURE. what OpenAI says, what Telnyx hears, and back; the Responses API (translation/responses/) and
                    Anthropic's (translation/anthropic/) | who may call, how much, what it costs, and what is kept of
                    it
    settings/       what can be configured; secrets by value, environment or file
    errors.py usage.py codec.py clock.py timers.py outbox.py naps.py pace.py
                    what can go wrong, by whose fault; tokens; JSON; time; deadlines; what goes out at the end of a
                    turn; why the loop sleeps behind some turns; how work that can wait leaves room for requests

The path of a request, one call each in `edge/journey.py`, and from `ways` on, for one that asks a model, in
`edge/completing.py`:

    client bytes
      |  aiohttp parses HTTP, each head once        edge/listener, edge/connection, edge/familiar, edge/request
    edge/routes      path, method -> Endpoint       a row of endpoints.py
    accounts/tenants bearer -> Grant                one digest, one dictionary, made by app/directory
    edge/ways        Endpoint -> its way            the ways of other endpoints are made of the same steps
    edge/body        bytes -> dict                  bounded, decoded once
    edge/models      name -> Telnyx id              aliases, the tenant's allow-list
    translation/chat dict -> upstream body          the field table; Changes say what was done and why
    edge/reserving   reserve                        for a key with limits, at edge/admission: accounts/windows, shares,
                                                    periods
    ledger.begin                                    the spool: what is true if nothing more is heard (app/accounting)
    edge/sending     send -> Sent                   upstream/repair: known quirks repaired; another Telnyx key
      |-- failed     translation/failures           -> the OpenAI error a client library expects
      |-- whole      translation/answers            -> client bytes, Usage; edge/reply writes them
      |-- streamed   edge/relay                     Telnyx's piece -> stream.feed -> client.write, all in one call
    ledger.end                                      the spool again, before the last byte; app/shipping moves it on
    outbox           bytes -> sockets               at the end of the event loop's turn: the spool first, in one write
    Services.record  Record                         metrics and one log line; always, also when the client has gone; and
                                                    what was reserved is settled

Other ways through the edge. Responses: `edge/turns` finds what came before, `edge/retelling` asks for a chat
completion, retells it, and keeps it before its last word is said (`Exchange.keep`). Texts and vectors that take
several requests to Telnyx: `edge/several`. Sound: `edge/transcribing` and `speaking`, handed on as it comes
(`edge/raw_relay`). Lists in pages are cut by `translation/lists`. What the proxy does on somebody's behalf, lines of a
batch (`app/batching`) and responses in the background (`edge/background`), are errands (`edge/inner`) that take the
same path as any request.

What is done for every request is done with few and small objects; what can be known beforehand is kept: the head of a
request to Telnyx (upstream/native_transport), a tenant's terms for a model (edge/terms), the words for a list of
changes (translation/changes), the series of a kind of request (telemetry/tally), what a chunk of a stream looks like
around its text (streaming/templates), and how streams open and end (streaming/silent). `make bench` and
`make bench-micro` say what it all costs.

Where to add: a field rule, a row in translation/chat and a golden file. A quirk, a row in translation/quirks and a
scenario in emulator/scenarios. An endpoint, its translation, its way, and a row in endpoints.py and in edge/ways. An
error, a class in errors.py. A setting, a field with a description in settings/model. A metric, a row in
telemetry/declarations. What an operator can do, a row in admin/table and a subcommand. A page, a row in
admin/dashboard/pages. A column, storage/schema and a migration; of the ledger, accounts/entries and
storage/ledger_schema, too.
"""

__version__ = "0.1.0"
