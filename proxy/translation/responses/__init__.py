"""PURE. The Responses API over chat completions: items and response objects on one side, messages on the other.

    outline      what all tellings of one response have in common: its ids, what it repeats of the request
    request      the response's request -> a chat request, by THE FIELD TABLE
                 items, contents, conversation: what is said; tools, names; formats; echo: what the response repeats;
                 places: errors and changes in the client's words; draft: what they all write to
    onward       the request to Telnyx's own Responses API
    answer       a chat completion -> output items and the response object
    output       what it is made of: parts, items, usage, how it ended
    native       the same for models that are asked through Telnyx's own Responses API

The streamed answer is in `streaming/responses.py`. Source of the shapes:
https://platform.openai.com/docs/api-reference/responses and the types of the official client library.
"""
