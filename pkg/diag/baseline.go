package diag

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
)

// Baseline tells whether a finding was there before a change. The words are
// those of SARIF 2.1.0, §3.27.24.
type Baseline string

// The states of a finding that was compared; "" is one that was not.
const (
	New       Baseline = "new"
	Unchanged Baseline = "unchanged"
)

// index matches the number of an element of a list, in a path or a message.
var index = regexp.MustCompile(`\[[0-9]+\]`)

// Fingerprints returns one for each finding, 32 hex digits that stay the same
// when lines move, or elements are put before the one that the finding is about,
// and that no other finding of the list has.
func (l List) Fingerprints() []string {
	prints := make([]string, len(l))
	seen := map[string]int{}
	for i, f := range l {
		what := fmt.Sprintf("%s\x00%s\x00%s\x00%s", f.Code, f.Pos.File, index.ReplaceAllString(f.Path, "[]"), index.ReplaceAllString(f.Message, "[]"))
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", what, seen[what]))
		seen[what]++
		prints[i] = hex.EncodeToString(sum[:16])
	}
	return prints
}

// CompareWith marks each finding as new or unchanged, by the fingerprints of
// what was found before.
func (l List) CompareWith(before List) {
	known := map[string]bool{}
	for _, mark := range before.Fingerprints() {
		known[mark] = true
	}
	for i, mark := range l.Fingerprints() {
		l[i].Baseline = New
		if known[mark] {
			l[i].Baseline = Unchanged
		}
	}
}
