# shellcheck shell=bash
# What the scripts of this action share. They source it.

# Files that later steps read are kept here.
out=$RUNNER_TEMP/ringplan
mkdir -p "$out"

# targets holds the topologies and folders, one from each line of TARGETS. It is
# never empty, as bash before 4.4 takes an empty list for one that is not set.
targets=()
while read -r line; do
	if [ -n "$line" ]; then
		targets+=("$line")
	fi
done <<<"${TARGETS:-}"
if [ "${#targets[@]}" -eq 0 ]; then
	targets=(.)
fi

# output NAME VALUE keeps a value for later steps.
output() {
	printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

# say KIND TEXT writes a notice, a warning or an error where a person sees it.
say() {
	local text=${2//'%'/%25}
	text=${text//$'\r'/%0D}
	printf '::%s title=ringplan::%s\n' "$1" "${text//$'\n'/%0A}"
}
