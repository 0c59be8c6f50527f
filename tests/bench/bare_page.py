"""The baseline: one st.write_stream over the SDK's events; BENCH_URL is the provider's address."""

import os
from collections.abc import Iterator

import anthropic
import streamlit as st


def answer(text: str) -> Iterator[str]:
    client = anthropic.Anthropic(api_key="bench", base_url=os.environ["BENCH_URL"], max_retries=0)
    with client.messages.stream(
        model="claude-sonnet-5-5", max_tokens=64_000, messages=[{"role": "user", "content": text}]
    ) as stream:
        yield from stream.text_stream


if typed := st.chat_input("Message"):
    with st.chat_message("assistant"):
        st.write_stream(answer(typed))
    st.caption("end-of-answer")
