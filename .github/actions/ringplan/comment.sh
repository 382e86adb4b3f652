#!/usr/bin/env bash
# Makes the file REPORT a comment of pull request NUMBER. AUTHOR has one comment
# with the mark, which is brought up to date; those of others are left alone.
# PAGE is where the report is as HTML, if it is anywhere. What goes wrong is
# said, and changes nothing else.
set -euo pipefail
# shellcheck source=common.sh
. "${BASH_SOURCE[0]%/*}/common.sh"

mark='<!-- ringplan report -->'
issues=repos/$GITHUB_REPOSITORY/issues
body=$out/comment.md
errors=$out/gh-errors

# give_up says why there is no comment, in the words of gh.
give_up() {
	local kind=warning why
	why=$(head -n 3 "$errors")
	cat "$errors" >&2
	if grep -Eq 'HTTP 40[134]' "$errors"; then
		kind=notice
		why="the token may not comment; the job wants the permission pull-requests, write ($why)"
	fi
	say "$kind" "there is no comment: $why"
	exit 0
}

# A line for each comment: its number, its author, and how it begins, quoted so
# that it stays on its line.
own() {
	local id login begins
	while read -r id login begins; do
		if [ "$login" = "$AUTHOR" ] && [ "$begins" = "\"$mark\"" ]; then
			printf '%s\n' "$id"
			return
		fi
	done
}
lines='{{range .}}{{printf "%.0f" .id}} {{with .user}}{{.login}}{{else}}-{{end}} {{printf "%.24q" .body}}{{"\n"}}{{end}}'

cat "$REPORT" >"$body"
if [ -n "$PAGE" ]; then
	printf '\n[All of it, as a page](%s)\n' "$PAGE" >>"$body"
fi

comments=$(gh api --paginate "$issues/$NUMBER/comments?per_page=100" --template "$lines" 2>"$errors") || give_up
id=$(own <<<"$comments")
if [ -n "$id" ]; then
	gh api --silent --method PATCH "$issues/comments/$id" --field "body=@$body" 2>"$errors" || give_up
	echo "comment $id is up to date"
else
	gh api --silent --method POST "$issues/$NUMBER/comments" --field "body=@$body" 2>"$errors" || give_up
	echo "commented"
fi
