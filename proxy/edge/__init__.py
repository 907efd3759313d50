"""HTTP in: the path of a request. `journey` has it on one page, `ways` says which way each endpoint takes.

    on the street      listener, connection, request, addresses: sockets; reply: what goes out; body: what comes in;
                       familiar: heads that come again
    a request          exchange: it and its record; routes: which endpoint; visit: who wants what, once let in
    the ways
      completing       one request to a model, one answer: chat, and what is told as chat; `anthropic` is another such
      prompts, embedding
                       several calls for one request: `several`; `tokens`
      responses        a turn of a conversation (`turns`) asked and told again (`retelling`), or made without its client
                       (`background`, `making`); what is kept of it: `stored_responses`, `conversations`
      transcribing     a form with a recording (`uploads`, `multipart`); `speaking`: the other way round
      filing           files (`depositing`: on their way in), and `batches`
      passing          Telnyx's own routes, and `fine_tuning`: plain calls, nothing translated (`calling`); `redacting`
    on every way       models: which one is meant, and who may use it; terms: what holds for it
                       reserving, admission, prices: limits and budgets
                       sending: with which Telnyx key; relay: events as they come; unstreamed: and where they do
                       not; raw_relay: any other bytes
    for the proxy      inner: requests that it makes itself, on somebody's behalf
    services           what all of them are handed

Each of these names is a file here.
"""
