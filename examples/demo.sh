#!/usr/bin/env bash
# The main job on a real table: is a tumour malignant? Run by `make demo`; takes about a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=.data/demo
bundle=$folder/breast-cancer.luban
rm -rf "$folder"
mkdir -p "$folder"

echo "\$ luban fit sample:breast-cancer --target diagnosis --time ${DEMO_TIME:-45}"
luban fit sample:breast-cancer --target diagnosis --time "${DEMO_TIME:-45}" --out "$bundle"

echo
echo "One row of the same table, and what the model says about it:"
luban sample breast-cancer --out "$folder/patients.csv" >/dev/null
head -n 2 "$folder/patients.csv" >"$folder/one.csv"
luban predict "$bundle" "$folder/one.csv" --quiet

echo
echo "Try next:"
echo "  .venv/bin/luban predict $bundle $folder/patients.csv --out answers.csv"
echo "  .venv/bin/luban diagnose $bundle"
echo "  .venv/bin/luban report $bundle --out report.html"
