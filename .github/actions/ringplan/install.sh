#!/usr/bin/env bash
# Puts ringplan on the PATH of the steps that follow. VERSION is a version, or
# "source" for what this action is part of, or "installed" for what is there.
set -euo pipefail
# shellcheck source=common.sh
. "${BASH_SOURCE[0]%/*}/common.sh"

if [ "$VERSION" = installed ]; then
	if ! command -v ringplan >/dev/null; then
		say error 'version is "installed", and there is no ringplan on the PATH'
		exit 1
	fi
	ringplan version
	exit 0
fi

export GOBIN=$RUNNER_TEMP/ringplan-bin
case $VERSION in
source)
	(cd "${BASH_SOURCE[0]%/*}/../../.." && go install ./cmd/ringplan ./cmd/ringplan-charts)
	;;
*[!A-Za-z0-9._/+-]* | -* | '')
	say error "version: \"$VERSION\" is no version"
	exit 1
	;;
*)
	(cd "$RUNNER_TEMP" && go install "github.com/ringplan/ringplan/cmd/ringplan@$VERSION" "github.com/ringplan/ringplan/cmd/ringplan-charts@$VERSION")
	;;
esac
printf '%s\n' "$GOBIN" >>"$GITHUB_PATH"
"$GOBIN/ringplan" version
