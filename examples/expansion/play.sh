#!/bin/sh
# Plays how a second region joins a ring, from recorded observations, up to a
# gate that is not open:
#
#	sh play.sh [FOLDER]
#
# It needs ringplan on the PATH. The play is in a folder that is removed at the
# end, or in the new folder that is named, which is left.
set -eu

example=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ "$#" -gt 0 ]; then
	folder=$1
	mkdir -- "$folder"
else
	folder=$(mktemp -d)
	trap 'rm -rf -- "$folder"' EXIT
	trap 'exit 130' INT TERM
fi
cp -R -- "$example/topology.yaml" "$example/observed" "$folder"
cd -- "$folder"

# play CODE ARGUMENT... shows a command and what it says; it must end with that
# exit code.
play() {
	want=$1
	shift
	printf '\n$ ringplan %s\n' "$*"
	got=0
	ringplan "$@" 2>&1 || got=$?
	if [ "$got" -ne "$want" ]; then
		printf 'play.sh: exit code %s, and not %s as it should be\n' "$got" "$want" >&2
		exit 1
	fi
}

# at TIME WORDS... says what happens, and makes that time the present.
at() {
	RINGPLAN_NOW=2026-11-21T$1:00Z
	export RINGPLAN_NOW
	shift
	printf '\n\n== %s %s\n' "${RINGPLAN_NOW%:00Z}" "$*"
}

echo "Two regions, one Cassandra ring: us-east1 serves since long, us-west1 is to join it."

at 09:00 "Nothing is known of either region yet."
play 0 status

at 09:10 "us-east1 was built without ringplan; what its cluster says proves that it serves."
play 0 adopt us-east1 -f observed/01-first-region.txt

at 09:15 "us-west1 starts to join, with a seed host."
play 0 advance us-west1

at 10:45 "The new datacenter has joined the ring, empty. Its rebuild may start."
play 0 advance us-west1 -f observed/02-joined.txt

at 11:31 "Is the rebuild complete, so that the seed host may leave?"
play 4 advance us-west1 -f observed/03-rebuilding.txt
echo "[exit code 4: the gate is not open, and nothing was changed]"

at 11:32 "Where everything stands:"
play 0 status -f observed/03-rebuilding.txt

cat <<'END'


The other recordings open the gates that are left. To play on in a folder of
your own, with ringplan on the PATH:

  sh examples/expansion/play.sh /tmp/expansion && cd /tmp/expansion
  RINGPLAN_NOW=2026-11-21T13:10:00Z ringplan advance us-west1 -f observed/04-rebuilt.txt
  RINGPLAN_NOW=2026-11-21T13:45:00Z ringplan advance us-west1 -f observed/05-settled.txt
END
