#!/usr/bin/env bash
# Runs conformance.py with the client it needs, which is installed under target/ the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."

requirements=tests/python/requirements.txt
venv=target/python-venv
deps=target/python-deps

installed() { [ "$1/.installed" -nt "$requirements" ]; }

# Debian ships venv apart from Python (python3-venv): where it is missing, pip alone will do.
install_client() {
    mkdir -p target
    if python3 -m venv "$venv" >/dev/null 2>&1; then
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
        touch "$venv/.installed"
    elif python3 -m pip --version >/dev/null 2>&1; then
        rm -rf "$venv"
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
            --upgrade --target "$deps" -r "$requirements"
        touch "$deps/.installed"
    else
        rm -rf "$venv"
        echo "tests/python needs a way to install redis-py: apt-get install python3-venv" >&2
        exit 1
    fi
}

command -v python3 >/dev/null || { echo "tests/python needs Python: apt-get install python3-venv" >&2; exit 1; }
installed "$venv" || installed "$deps" || install_client

if installed "$venv"; then
    exec "$venv/bin/python" -B tests/python/conformance.py
fi
PYTHONPATH=$deps exec python3 -B tests/python/conformance.py
