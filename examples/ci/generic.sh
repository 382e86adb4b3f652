#!/bin/sh
# Verifies topologies and reports what a change does, in any CI:
#
#	sh generic.sh BASE [TOPOLOGY | FOLDER]...
#
# BASE is the Git revision that the change is based on, such as origin/main.
# Without topologies it takes all below the working folder. It needs ringplan and
# git on the PATH and the whole history, and ends with the exit code of ringplan
# verify. The folder ringplan-out, or $OUT, then holds
#
#	findings.txt, junit.xml, ringplan.sarif, checkstyle.xml	what is wrong
#	report.md, report.html					what the change does
set -u

base=${1:-}
if [ -z "$base" ]; then
	echo "usage: sh generic.sh BASE [TOPOLOGY | FOLDER]..." >&2
	exit 64
fi
shift
if [ "$#" -eq 0 ]; then
	set -- .
fi
if [ "$(git rev-parse --is-shallow-repository 2>/dev/null)" = true ]; then
	echo "the history is cut off, so what was changed cannot be told: fetch all of it (git fetch --unshallow)" >&2
	exit 1
fi
out=${OUT:-ringplan-out}
mkdir -p -- "$out" || exit 1

code=0
ringplan verify --strict --base="$base" \
	-o "text=$out/findings.txt" -o "junit=$out/junit.xml" -o "sarif=$out/ringplan.sarif" -o "checkstyle=$out/checkstyle.xml" \
	-- "$@" || code=$?
case $code in
0 | 3)
	cat "$out/findings.txt"
	ringplan report --base="$base" -o "markdown=$out/report.md" -o "html=$out/report.html" -- "$@" ||
		echo "there is no report" >&2
	;;
esac
exit "$code"
