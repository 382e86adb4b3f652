#!/usr/bin/env bash
# Tells what TARGETS do since BASE, as Markdown and as HTML. The verdict is not
# changed by it.
set -euo pipefail
# shellcheck source=common.sh
. "${BASH_SOURCE[0]%/*}/common.sh"

# A comment holds 65,536 characters; comment.sh adds a line.
limit=64000

if ! ringplan report "--base=$BASE" "--limit=$limit" -o "markdown=$out/report.md" -o "html=$out/report.html" -- "${targets[@]}"; then
	say warning 'there is no report; the log of this step says why'
	exit 0
fi
output markdown "$out/report.md"
output html "$out/report.html"
