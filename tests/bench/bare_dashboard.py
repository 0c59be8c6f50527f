"""The baseline: one figure, one chart and one table of constant data, and a filter that changes them."""

import altair as alt
import streamlit as st

WEEKS, GROUPS, ROWS = 53, 8, 50

st.set_page_config(layout="wide")
chosen = st.multiselect("Model", [f"Model {group}" for group in range(GROUPS)])
shown = [int(name.split()[1]) for name in chosen] or list(range(GROUPS))
points = [{"week": week, "group": str(group), "usd": week * group % 17} for week in range(WEEKS) for group in shown]
st.metric("Calls", len(points))
st.altair_chart(alt.Chart(alt.InlineData(values=points)).mark_bar().encode(x="week:O", y="usd:Q", color="group:N"))
st.dataframe([{"row": row, "group": shown[row % len(shown)], "usd": row / 7} for row in range(ROWS)])
