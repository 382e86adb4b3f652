package gitrev

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Modes of what Git keeps that is no regular file.
const (
	modeLink      = "120000"
	modeSubmodule = "160000"
)

// A Snapshot is what a folder holds at a commit. All paths are relative to the
// folder and separated by slashes.
type Snapshot struct {
	Files      map[string][]byte // regular files; not to be changed, since equal ones share their bytes
	Links      []string          // symbolic links, sorted; they are not followed
	Submodules []string          // sorted; what is in them is in another repository
}

// Files returns what folder held at commit, a full hash as of [Repo.Resolve].
// The folder is a path on disk inside the working tree, where it need not
// exist now; symbolic links in it are followed as they are on disk. If there
// was no such folder, or it was a file, the Snapshot is empty.
//
// The contents are those that Git stores, to be compared with others that Git
// stores. Files on disk may differ from them without a change: in their line
// ends (core.autocrlf, the attributes text and eol), in their encoding or by
// any other filter. Of a file that Git LFS keeps, Git stores a pointer.
//
// It is an error if folder lies outside the working tree or in a repository of
// its own, if it was or lay in a submodule or a symbolic link at commit, if a
// name there is none that a file can have, and if there is more than 1 GiB to
// read.
func (r *Repo) Files(ctx context.Context, commit, folder string) (Snapshot, error) {
	return r.Select(ctx, commit, folder, func(string) bool { return true })
}

// Select is [Repo.Files] for the files whose paths, relative to the folder and
// separated by slashes, keep accepts; others are not read.
func (r *Repo) Select(ctx context.Context, commit, folder string, keep func(path string) bool) (Snapshot, error) {
	if !fullHash.MatchString(commit) {
		return Snapshot{}, fmt.Errorf("%q is not the full hash of a commit", commit)
	}
	rel, err := r.Rel(folder)
	if err != nil {
		return Snapshot{}, err
	}
	snap, blobs, err := r.list(ctx, commit, rel)
	if err != nil {
		return Snapshot{}, fmt.Errorf("%s at %.12s: %w", folder, commit, err)
	}
	maps.DeleteFunc(blobs, func(name, _ string) bool { return !keep(name) })
	contents, err := r.contents(ctx, blobs)
	if err != nil {
		return Snapshot{}, fmt.Errorf("%s at %.12s: %w", folder, commit, err)
	}
	for name, blob := range blobs {
		snap.Files[name] = contents[blob]
	}
	return snap, nil
}

// list returns a Snapshot without contents, and the blob of each file.
func (r *Repo) list(ctx context.Context, commit, rel string) (Snapshot, map[string]string, error) {
	snap, blobs := Snapshot{Files: map[string][]byte{}}, map[string]string{}
	args := []string{"-r", "-t", commit}
	prefix := ""
	if rel != "." {
		args = append(args, "--", rel)
		prefix = rel + "/"
	}
	entries, err := r.entries(ctx, args...)
	if err != nil {
		return snap, nil, err
	}
	for _, e := range entries {
		name, below := strings.CutPrefix(e.path, prefix)
		switch {
		case !below || e.kind == "tree":
		case !clean(name):
			err = errors.Join(err, fmt.Errorf("%q is no path of a file", e.path))
		case e.mode == modeLink:
			snap.Links = append(snap.Links, name)
		case e.mode == modeSubmodule:
			snap.Submodules = append(snap.Submodules, name)
		case blobs[name] != "":
			err = errors.Join(err, fmt.Errorf("%q is there twice", e.path))
		default:
			blobs[name] = e.object
		}
	}
	slices.Sort(snap.Links)
	slices.Sort(snap.Submodules)
	if err == nil && rel != "." && !slices.ContainsFunc(entries, func(e entry) bool { return e.kind == "tree" && e.path == rel }) {
		err = r.checkAbsent(ctx, commit, rel)
	}
	return snap, blobs, err
}

// checkAbsent refuses a folder that is not there because it, or one above it,
// leads elsewhere.
func (r *Repo) checkAbsent(ctx context.Context, commit, rel string) error {
	args := []string{"-t", commit, "--"}
	for p := rel; p != "."; p = path.Dir(p) {
		args = append(args, p)
	}
	entries, err := r.entries(ctx, args...)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains(args[3:], e.path) {
			continue
		}
		switch e.mode {
		case modeLink:
			return fmt.Errorf("%s is a symbolic link there: name the folder that it leads to", e.path)
		case modeSubmodule:
			return fmt.Errorf("%s is a submodule there, with files in a repository of its own", e.path)
		}
	}
	return nil
}

// clean reports whether a path of Git's is one that a file can have. Git
// itself keeps others out, but a tree can be made by hand.
func clean(name string) bool {
	return name != "." && name != ".." && path.Clean(name) == name && !strings.HasPrefix(name, "../") && !strings.HasPrefix(name, "/")
}

// An entry is one of ls-tree.
type entry struct{ mode, kind, object, path string }

// entries lists a tree, with paths from the top of the working tree.
func (r *Repo) entries(ctx context.Context, args ...string) ([]entry, error) {
	out, err := r.read(ctx, nil, append([]string{"ls-tree", "-z"}, args...)...)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, field := range fields(out) {
		about, name, ok := strings.Cut(field, "\t")
		parts := strings.Fields(about)
		if !ok || len(parts) != 3 {
			return nil, fmt.Errorf("git ls-tree printed %q, which ringplan does not know", field)
		}
		entries = append(entries, entry{mode: parts[0], kind: parts[1], object: parts[2], path: name})
	}
	return entries, nil
}

// contents reads all blobs, each once, with one git.
func (r *Repo) contents(ctx context.Context, blobs map[string]string) (map[string][]byte, error) {
	if len(blobs) == 0 {
		return nil, nil
	}
	contents := map[string][]byte{}
	var ask strings.Builder
	for _, blob := range blobs {
		if _, asked := contents[blob]; !asked {
			contents[blob] = nil
			ask.WriteString(blob + "\n")
		}
	}
	parse := func(from io.Reader) error {
		in, left := bufio.NewReader(from), r.limit
		for range len(contents) {
			blob, data, err := readBlob(in, &left)
			if err != nil {
				return err
			}
			contents[blob] = data
		}
		_, err := in.ReadByte() // waits for git to end well
		if errors.Is(err, io.EOF) {
			return nil
		}
		return errors.Join(err, errors.New("git cat-file printed more than it was asked for"))
	}
	return contents, r.stream(ctx, []byte(ask.String()), parse, "cat-file", "--batch", "--buffer")
}

// readBlob reads one answer of cat-file, and takes its size from left.
func readBlob(in *bufio.Reader, left *int64) (blob string, data []byte, err error) {
	head, err := in.ReadString('\n')
	if err != nil {
		return "", nil, err
	}
	parts := strings.Fields(head)
	if len(parts) != 3 || parts[1] != "blob" {
		return "", nil, fmt.Errorf("git cat-file: %s", strings.TrimSpace(head))
	}
	size, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return "", nil, err
	}
	if *left -= size; *left < 0 {
		return "", nil, errors.New("the files are larger than what ringplan reads, 1 GiB in all")
	}
	data = make([]byte, size+1) // and a line feed
	if _, err := io.ReadFull(in, data); err != nil {
		return "", nil, err
	}
	return parts[0], data[:size:size], nil
}
