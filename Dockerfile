# syntax=docker/dockerfile:1
# The wheel in an image that holds nothing else: no compiler, no source, no root. README, "Containers", says how to run it.
FROM python:3.13.9-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/command-center
# Before the source, so that a change of ours does not install every package again.
COPY requirements.txt ./
RUN /opt/command-center/bin/pip install --require-hashes --requirement requirements.txt
COPY . .
RUN /opt/command-center/bin/pip install --no-deps .

FROM python:3.13.9-slim-trixie
# What `backup` and `restore` need on PostgreSQL; of the same release as compose.yaml's server.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home --home-dir /tmp command-center \
    && install --directory --owner=10001 --group=10001 /data
COPY --from=build /opt/command-center /opt/command-center
# HOME lies where something may be written with a read-only root: mount a tmpfs on /tmp.
ENV PATH=/opt/command-center/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    DATA_DIR=/data \
    BIND_ADDRESS=0.0.0.0 \
    PORT=8501
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/readyz', timeout=4)"]
CMD ["command-center", "serve"]
