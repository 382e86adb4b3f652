#!/usr/bin/env bash
# Writes the summary of the job: FINDINGS, then REPORT. A step may write 1 MiB;
# above that GitHub shows nothing.
set -euo pipefail
# shellcheck source=common.sh
. "${BASH_SOURCE[0]%/*}/common.sh"

room=900000 # what the report leaves

if [ -n "$FINDINGS" ] && [ "$(wc -c <"$FINDINGS")" -gt "$room" ]; then
	head -n 1 "$FINDINGS"
	printf '\nThey are too many to be listed here; the SARIF holds them all.\n'
elif [ -n "$FINDINGS" ]; then
	cat "$FINDINGS"
fi >>"$GITHUB_STEP_SUMMARY"
if [ -n "$REPORT" ]; then
	{ echo && cat "$REPORT"; } >>"$GITHUB_STEP_SUMMARY"
fi
