#!/usr/bin/env bash
# Takes the regions of TOPOLOGY that wait at a gate through it, if it is open, on
# what their clusters say, and proposes each step in a pull request into BASE.
# REGIONS are those to look at, one in each line; without any, all that are under
# way. A gate that is not open is no failure.
#
# A step stands on a branch of its own, and nothing but such branches is pushed.
# A pull request that proposes it already, on what BASE has now, is left alone;
# one on an older BASE is made anew.
set -euo pipefail
# shellcheck source=../ringplan/common.sh
. "${BASH_SOURCE[0]%/*}/../ringplan/common.sh"

# A pull request holds 65,536 characters.
limit=64000

# The commits are those of the job, unless it says otherwise.
if ! git config user.email >/dev/null; then
	export GIT_AUTHOR_NAME='github-actions[bot]' GIT_COMMITTER_NAME='github-actions[bot]'
	export GIT_AUTHOR_EMAIL='41898282+github-actions[bot]@users.noreply.github.com' GIT_COMMITTER_EMAIL='41898282+github-actions[bot]@users.noreply.github.com'
fi

if [ "$(git rev-parse --is-shallow-repository)" = true ]; then
	say error 'the history is cut off, so no report can be made: give actions/checkout fetch-depth: 0'
	exit 1
fi
if [ -z "$BASE" ]; then
	say error 'base is empty: name the branch that pull requests are to be merged into'
	exit 1
fi
# kubeconfigs lists where kubectl looks, with colons between.
kubeconfigs=${KUBECONFIG:-${HOME:-}/.kube/config}

# can_ask reports whether there is anything in a kubeconfig: of a secret that is not
# set, an empty file is made.
can_ask() {
	local file files
	IFS=: read -r -a files <<<"$kubeconfigs"
	for file in "${files[@]}"; do
		if [ -s "$file" ]; then
			return 0
		fi
	done
	return 1
}
if ! can_ask; then
	say error "no cluster can be asked: the kubeconfig ($kubeconfigs) is empty or not there; see that the secret it is made of is set, or log in to the clusters in a step before this one"
	exit 1
fi
git fetch --quiet origin "+refs/heads/$BASE:refs/remotes/origin/$BASE"
start=$(git rev-parse "refs/remotes/origin/$BASE")

# from_base puts the working tree at what BASE has.
from_base() {
	git checkout --quiet --force --detach "$start"
}

# under_way prints the regions that wait at a gate, of a status.
under_way() {
	awk '/^REGION / { table = 1; next } /^$/ { table = 0 } table && $6 != "–" { print $1 }'
}

# topology prints the name of the topology, of a status.
topology() {
	awk 'NR == 1 { sub(/^Rollout of /, ""); sub(/, at step [0-9]+$/, ""); print }'
}

# named prints the lines of REGIONS.
named() {
	awk 'NF { print $1 }' <<<"$REGIONS"
}

# fetched gets a branch of origin, and prints its commit; nothing, if there is none.
fetched() {
	if git fetch --quiet origin "+refs/heads/$1:refs/remotes/origin/$1" 2>/dev/null; then
		git rev-parse "refs/remotes/origin/$1"
	fi
}

# pull_requests prints a line for each pull request of a branch: number, state and
# commit.
pull_requests() {
	gh api --method GET "repos/$GITHUB_REPOSITORY/pulls?state=all&per_page=100&base=$BASE&head=${GITHUB_REPOSITORY%%/*}:$1" \
		--template '{{range .}}{{printf "%.0f" .number}} {{.state}} {{.head.sha}}{{"\n"}}{{end}}'
}

# propose makes a pull request of a branch, or brings the open one of the list up
# to date.
propose() {
	local branch=$1 title=$2 number
	number=$(awk '$2 == "open" { print $1; exit }' <<<"$3")
	if [ -n "$number" ]; then
		gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/pulls/$number" --field "title=$title" --field "body=@$out/advance.md"
	else
		gh api --silent --method POST "repos/$GITHUB_REPOSITORY/pulls" --field "title=$title" --field "head=$branch" --field "base=$BASE" --field "body=@$out/advance.md"
	fi
}

# step takes one region through its gate. It ends with 0 if the step is proposed,
# with 4 if there is none to propose, and with anything else if something is
# wrong. It is called where an error would not end the script.
step() {
	local region=$1 branch code=0 old list state
	branch=ringplan/$name/$region
	if [ "$branch" = "$BASE" ]; then
		say error "$branch is the branch to merge into, and nothing is pushed there"
		return 1
	fi
	old=$(fetched "$branch") || return 1
	list=$(pull_requests "$branch") || return 1
	if [ -n "$old" ] && [ "$(git rev-parse --verify --quiet "$old^")" = "$start" ]; then
		state=$(awk -v of="$old" '$3 == of { print $2; exit }' <<<"$list")
		case $state in
		open)
			echo "$region: its step is proposed already"
			return 0
			;;
		closed)
			echo "$region: somebody has closed the pull request of its step; delete the branch $branch to have it proposed anew"
			return 4
			;;
		esac
	fi
	from_base || return 1
	ringplan advance "$region" --topology "$TOPOLOGY" --live "${allowed[@]}" --commit || code=$?
	if [ "$code" -ne 0 ]; then
		if [ "$code" -eq 4 ]; then
			echo "$region: its gate is not open"
		fi
		return "$code"
	fi
	ringplan verify --base="$start" -o text -- "$TOPOLOGY" || return 1
	ringplan report --base="$start" "--limit=$limit" -o "markdown=$out/advance.md" -- "$TOPOLOGY" || return 1
	git push --quiet "--force-with-lease=refs/heads/$branch:$old" origin "HEAD:refs/heads/$branch" || return 1
	propose "$branch" "$(git log -1 --format=%s)" "$list" || return 1
	say notice "a step is proposed: $(git log -1 --format=%s)"
}

allowed=(--timeout 30s)
if [ "$EXEC" = true ]; then
	allowed+=(--exec)
fi
from_base
status=$(ringplan status --topology "$TOPOLOGY" --no-color)
name=$(topology <<<"$status")
waiting=$(named)
if [ -z "$waiting" ]; then
	waiting=$(under_way <<<"$status")
fi

failed=0
done=''
while read -r region; do
	if [ -z "$region" ]; then
		continue
	fi
	code=0
	step "$region" </dev/null || code=$?
	case $code in
	0) done="$done $region" ;;
	4) ;;
	*)
		say error "$region: its step could not be proposed (code $code); the log of this step says why"
		failed=1
		;;
	esac
done <<<"$waiting"
from_base
output regions "${done# }"
exit "$failed"
