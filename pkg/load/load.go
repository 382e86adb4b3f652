// Package load reads topologies: CUE, YAML or JSON files in, validated models
// out. What is wrong with them comes back as findings with the place in the
// user's file; an error means that reading itself could not go on. All of CUE
// stays in here.
package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/topology"
)

// maxSize is the size of a topology file above which it is not read.
const maxSize = 4 << 20

// names are the file names of a topology, in the order in which they are
// looked for.
var names = []string{"topology.cue", "topology.yaml", "topology.yml", "topology.json"}

// A Loader reads topologies with the schema that it was made with. It may be
// used for many files, but not from two goroutines at once.
type Loader struct {
	ctx       *cue.Context
	schema    cue.Value
	open      func() (cue.Value, error)
	platforms topology.Platforms
}

// New compiles the schema and the platforms' defaults, given as file systems
// of .cue files.
func New(schema, regions fs.FS) (*Loader, error) {
	l := &Loader{ctx: cuecontext.New()}
	var err error
	if l.schema, err = compile(l.ctx, schema, nil); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	l.open = sync.OnceValues(func() (cue.Value, error) { return compile(l.ctx, schema, openValues) })
	if l.platforms, err = l.readPlatforms(regions); err != nil {
		return nil, fmt.Errorf("regions: %w", err)
	}
	return l, nil
}

// Platforms returns the defaults of each platform.
func (l *Loader) Platforms() topology.Platforms { return l.platforms }

// Find returns the topology files that a path stands for: itself if it is a
// file, the topology in it if it is a folder with one, and else every topology
// in the folders below it, in order. An empty path means the nearest topology
// from the working folder upwards.
func Find(path string) ([]string, error) {
	if path == "" {
		return findUp()
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", slash(path), bare(err))
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	if file, err := In(path); file != "" || err != nil {
		return []string{file}, err
	}
	files, err := below(path)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no topology.cue, topology.yaml or topology.json in %s or below it", slash(path))
	}
	return files, err
}

func findUp() ([]string, error) {
	start, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		file, err := In(dir)
		if err != nil {
			return nil, err
		}
		if file != "" {
			if rel, err := filepath.Rel(start, file); err == nil {
				file = rel
			}
			return []string{file}, nil
		}
		if dir == filepath.Dir(dir) {
			return nil, errors.New("no topology.cue, topology.yaml or topology.json in this folder or above it: name one with --file, or start with `ringplan init`")
		}
	}
}

// In returns the topology in a folder, or "". Two are an error: whichever was
// taken, it might be the wrong one.
func In(dir string) (string, error) {
	var found []string
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return filepath.Join(dir, found[0]), nil
	}
	return "", fmt.Errorf("%s holds %s: keep one, or name one with --file", slash(dir), strings.Join(found, " and "))
}

// below returns the topologies in the folders below one, one for each folder.
func below(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "cue.mod" || name == "rendered" || name == "manifests") {
			return filepath.SkipDir
		}
		file, err := In(path)
		if file != "" {
			files = append(files, file)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}

// maxFindings is how many findings of one file are listed.
const maxFindings = 500

// File reads one topology. The topology is nil if the findings leave nothing
// to go on with; findings about `values` alone do not.
func (l *Loader) File(path string) (t *topology.Topology, findings diag.List) {
	defer func() {
		if problem := recover(); problem != nil { // of CUE: users write what its authors did not think of
			t, findings = nil, diag.List{atStart(path, codeSyntax, "CUE cannot evaluate the file: "+oneLine(fmt.Sprint(problem)),
				"this is a defect of CUE or ringplan; report it together with the file, and write it in a simpler way")}
		}
	}()
	t, findings = l.file(path)
	if len(findings) > maxFindings {
		findings = append(findings[:maxFindings], atStart(path, codeSyntax, fmt.Sprintf("more than %d findings; the rest is left out", maxFindings), ""))
		findings.Sort()
	}
	return t, findings
}

func (l *Loader) file(path string) (*topology.Topology, diag.List) {
	user, findings := l.read(path)
	if len(findings) > 0 {
		return nil, findings
	}
	where := newLocator(user, path)
	arm, findings := l.arm(l.schema, user, where)
	if len(findings) > 0 {
		return nil, findings
	}
	accepted, findings := validate(arm, user, where)
	if slices.ContainsFunc(findings, func(f diag.Finding) bool { return !underValues(f.Path) }) {
		return nil, findings
	}
	if !accepted {
		return l.withOpenValues(user, where, path, findings)
	}
	return l.decode(arm.Unify(user), where, path, nil)
}

// withOpenValues goes on with a topology whose values alone are not what the
// schema knows, so that the rules can have their say too.
func (l *Loader) withOpenValues(user cue.Value, where *locator, path string, findings diag.List) (*topology.Topology, diag.List) {
	schema, err := l.open()
	if err != nil {
		return nil, append(findings, where.finding(codeType, "", err.Error(), ""))
	}
	arm, more := l.arm(schema, user, where)
	if len(more) > 0 {
		return nil, append(findings, more...)
	}
	return l.decode(arm.Unify(user), where, path, findings)
}

// underValues reports whether a path is of a property under values.
func underValues(path string) bool {
	return strings.Contains(path, ".values.")
}

// decode turns a value that the schema accepts into a topology. The findings
// are what is known of it already.
func (l *Loader) decode(v cue.Value, where *locator, path string, findings diag.List) (*topology.Topology, diag.List) {
	data, err := v.MarshalJSON()
	if err != nil {
		return nil, append(findings, syntaxFindings(path, err)...)
	}
	t, err := topology.New(data, l.platforms, where, filepath.Dir(path))
	if err == nil {
		return t, findings
	}
	big := where.tooLarge()
	if len(big) == 0 {
		big = diag.List{where.finding(codeType, "", oneLine(err.Error()), "")}
	}
	return nil, append(findings, big...)
}

func (l *Loader) readPlatforms(regions fs.FS) (topology.Platforms, error) {
	v, err := compile(l.ctx, regions, nil)
	if err != nil {
		return nil, err
	}
	shape := l.schema.LookupPath(cue.MakePath(cue.Def("#Platform")))
	platforms := topology.Platforms{}
	fields, err := v.Fields()
	if err != nil {
		return nil, err
	}
	for fields.Next() {
		checked := shape.Unify(fields.Value())
		if err := checked.Validate(cue.Concrete(true)); err != nil {
			return nil, fmt.Errorf("%s: %w", fields.Selector(), err)
		}
		var p topology.Platform
		if err := checked.Decode(&p); err != nil {
			return nil, fmt.Errorf("%s: %w", fields.Selector(), err)
		}
		platforms[fields.Selector().Unquoted()] = p
	}
	return platforms, nil
}
