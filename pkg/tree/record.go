package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// wanted is what a tree should hold, with its record, and what to put beside it.
type wanted struct {
	data   map[string][]byte // content by path
	sums   map[string]string // digest by path, the same keys
	beside []step
}

// newWanted checks files and adds their record. No files have no record.
func newWanted(files []File) (wanted, error) {
	if err := checkPaths(files); err != nil {
		return wanted{}, fmt.Errorf("files to write: %w", err)
	}
	w := wanted{data: map[string][]byte{}, sums: map[string]string{}}
	for _, f := range files {
		w.add(f.Path, f.Data)
	}
	if len(files) > 0 {
		w.add(RecordFile, formatRecord(w.sums))
	}
	return w, nil
}

// add puts one file into w.
func (w wanted) add(path string, data []byte) {
	w.data[path], w.sums[path] = data, digest(data)
}

// paths returns the paths of w, sorted, with the record last.
func (w wanted) paths() []string {
	return recordLast(slices.Sorted(maps.Keys(w.sums)))
}

// recordLast moves the record, if it is in paths, to the end.
func recordLast(paths []string) []string {
	if i := slices.Index(paths, RecordFile); i >= 0 {
		return append(slices.Delete(paths, i, i+1), RecordFile)
	}
	return paths
}

// digest returns the SHA-256 digest of data in lower-case hex.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// formatRecord writes digests by path as sha256sum does, sorted by path.
func formatRecord(sums map[string]string) []byte {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(sums)) {
		b.WriteString(sums[p] + "  " + p + "\n")
	}
	return []byte(b.String())
}

// parseRecord reads what formatRecord writes, in any order of lines, and
// returns digests by path. The error names the first line that is wrong.
func parseRecord(data []byte) (map[string]string, error) {
	sums := map[string]string{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		sum, path, err := parseLine(line)
		if err == nil && sums[path] != "" {
			err = fmt.Errorf("path %q is listed twice", path)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		sums[path] = sum
	}
	return sums, nil
}

// parseLine reads one line of a record with its newline.
func parseLine(line string) (sum, path string, err error) {
	line, whole := strings.CutSuffix(line, "\n")
	if !whole {
		return "", "", errors.New("the line is cut off: no newline at its end")
	}
	if strings.HasSuffix(line, "\r") {
		return "", "", errors.New("the line ends as on Windows: Git has changed the files; a line `rendered/** -text` in .gitattributes keeps them as they are")
	}
	sum, path, found := strings.Cut(line, "  ")
	if raw, err := hex.DecodeString(sum); !found || err != nil || len(raw) != sha256.Size || sum != strings.ToLower(sum) {
		return "", "", errors.New("not a SHA-256 digest, two spaces and a path")
	}
	if fold(path) == fold(RecordFile) {
		return "", "", errors.New("the record lists itself")
	}
	return sum, path, checkPath(path)
}
