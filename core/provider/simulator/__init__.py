"""The simulated provider: the Messages API on its own wire format, below the unmodified SDK.

It answers when there is no API key, serves benchmarks and demonstrations, and is what tests run against, inside the
process (``transport``) or on a TCP port (``python -m core.provider.simulator --port 8765``). What it does can be
ordered by directives in the last user message; ``directives.py`` holds the tables that pages may show.

    [[tokens: 3000]]  [[say: text]]                 length or text of the answer
    [[plain]] [[code]] [[table]] [[list]]           its form; without one it is rich markdown
    [[think]] [[think: 200]]                        think first
    [[first: 0.2]] [[rate: 100]] [[pace: 0]]        seconds to the first token, tokens per second, factor on pauses
    [[deltas: 3]] [[searches: 2]] [[geo: us]] [[speed: fast]] [[tier: priority]]    what usage reports
    [[refusal]] [[refusal after 20]] [[stop: pause_turn]]                           how it ends
    [[call: calculator {"expression": "1+1"}]] [[also: current_time {}]]            tools to ask for, round by round
    [[fault: overloaded]] [[fault: rate_limit 2 times]] [[fault: rate_limit retry 7]]
    [[fault: cut after 20]]  or short  [[cut after 20]]

With tools on offer it asks, unordered, for those that fit the question, and answers from what they gave.

Faults before the stream: invalid_request, credit, authentication, billing, permission, not_found, request_timeout,
conflict, too_large, rate_limit, spend_limit, server_error, unavailable, timeout, overloaded, refused, unanswered,
html. Within the stream: cut, eof, silence, garbled, disorder, and any of the first group with ``after N`` as an
``error`` event. A client must not mind: unknown, split, crlf. ``after N`` counts tokens of the answer; without it a
fault comes before the first event.
"""
