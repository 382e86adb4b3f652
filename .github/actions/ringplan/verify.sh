#!/usr/bin/env bash
# Verifies TARGETS: annotations go to the log, and SARIF and Markdown into files.
# It ends with 0 whatever is found, so that the steps after it can tell of it;
# verdict.sh ends the job with the exit code that is kept here.
set -euo pipefail
# shellcheck source=common.sh
. "${BASH_SOURCE[0]%/*}/common.sh"

# base prints the revision that the change is based on, or nothing. GitHub
# tests a pull request as it would be merged now, so what it is merged into may
# be further than BASE_SHA, where the event saw it.
base() {
	if [ -n "$BASE" ] || [ -z "$BASE_SHA" ]; then
		printf '%s\n' "$BASE"
	elif merged_into 'HEAD^1'; then
		git rev-parse 'HEAD^1'
	else
		printf '%s\n' "$BASE_SHA"
	fi
}

# merged_into REVISION tells whether HEAD is the merge that GitHub makes, of a
# pull request into the revision.
merged_into() {
	case $GITHUB_REF in
	refs/pull/*/merge) ;;
	*) return 1 ;;
	esac
	git rev-parse --verify --quiet 'HEAD^2' >/dev/null && git merge-base --is-ancestor "$BASE_SHA" "$1" 2>/dev/null
}

# complete tells whether the whole history is here.
complete() {
	[ "$(git rev-parse --is-shallow-repository 2>/dev/null)" != true ]
}

base=$(base)
if [ -n "$base" ] && ! complete; then
	say error 'the history is cut off, so what was changed cannot be told: give actions/checkout fetch-depth: 0'
	output exit-code 1
	exit 0
fi

rm -f "$out/ringplan.sarif" "$out/findings.md"
arguments=(-o github -o "sarif=$out/ringplan.sarif" -o "markdown=$out/findings.md")
if [ "$STRICT" = true ]; then
	arguments+=(--strict)
fi
if [ -n "$base" ]; then
	arguments+=("--base=$base")
	if [ "$NEW_ONLY" = true ]; then
		arguments+=(--new-only)
	fi
fi

code=0
ringplan verify "${arguments[@]}" -- "${targets[@]}" || code=$?
output exit-code "$code"
case $code in
0 | 3)
	output sarif "$out/ringplan.sarif"
	output findings "$out/findings.md"
	# As a hash, which is one line whatever the input says.
	output base "$(git rev-parse --verify --quiet "$base^{commit}" || true)"
	;;
*)
	say error "ringplan verify could not run (exit code $code); the log of this step says why"
	;;
esac
