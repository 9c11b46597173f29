#!/usr/bin/env bash
# Build the wheel, install it with its locked dependencies into an empty environment, and trade two cycles from it elsewhere.
set -euo pipefail
python=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m build --wheel --no-isolation --outdir "$work/dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps "$work"/dist/kanpan-*.whl
cd "$work"
env -u PYTHONPATH HOME="$work/home" "$work/venv/bin/kanpan" --home "$work/state" --no-ui --cycles 2 --json >"$work/events.jsonl"
test "$(grep -c '"CYCLE_ENDED"' "$work/events.jsonl")" = 2
test "$("$work/venv/bin/python" -c 'from tui.themes import find_themes, theme_files; print(len(theme_files(find_themes())))')" -ge 4
echo "wheel: installed into an empty environment, two cycles traded"
