#!/usr/bin/env bash
# Tells whether the token may write: not for a pull request from a fork, which
# HEAD_REPOSITORY names.
set -euo pipefail
# shellcheck source=common.sh
. "${BASH_SOURCE[0]%/*}/common.sh"

if [ "$GITHUB_EVENT_NAME" = pull_request ] && [ "$HEAD_REPOSITORY" != "$GITHUB_REPOSITORY" ]; then
	say notice 'the change comes from a fork, so its token only reads: there is no comment, and nothing goes to code scanning; see the annotations, the summary and the artifact'
	output write false
else
	output write true
fi
