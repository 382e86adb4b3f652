package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

// kustomizing is held while kustomize works: the OpenAPI schema that it reads is
// one for the whole process, and any kustomization may set it.
var kustomizing sync.Mutex

var factory = resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory())

// mirrorRoot is where files are in memory, to be told from words in messages.
const mirrorRoot = "/repository-in-memory"

// A mirror holds what kustomizations need of files, in memory, at the same paths.
type mirror struct {
	files  fs.FS
	memory filesys.FileSystem
	// done tells the folders that are there, with the kind of the kustomization.
	done   map[string]string
	hashes bool // an object may have a hash behind its name in the end
	schema bool // a kustomization sets the OpenAPI schema
}

func newMirror(files fs.FS) *mirror {
	return &mirror{files: files, memory: filesys.MakeFsInMemory(), done: map[string]string{}}
}

// forget undoes what kustomize keeps for the whole process.
func (m *mirror) forget() {
	if m.schema {
		openapi.ResetOpenAPI()
	}
}

func (m *mirror) write(name string, data []byte) {
	// Memory is never full, and no name is one of a folder.
	_ = m.memory.WriteFile(path.Join(mirrorRoot, name), data)
}

// unused returns a folder in dir that the files do not have.
func (m *mirror) unused(dir string) string {
	name := path.Join(dir, ".overlay")
	for m.files != nil {
		if _, err := fs.Stat(m.files, name); err != nil {
			break
		}
		name += "_"
	}
	return name
}

// build is what `kustomize build` does with a folder.
func (m *mirror) build(dir string) (built resmap.ResMap, err error) {
	err = try(func() error {
		// The default options load no plugins, and no file from outside a folder.
		built, err = krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(m.memory, path.Join(mirrorRoot, dir))
		return err
	})
	if err != nil {
		return nil, errors.New(plain(err))
	}
	return built, nil
}

// A hinted error says what to do.
type hinted struct {
	error
	hint string
}

func hintOf(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

// What a reference may lead to.
type sort int

const (
	aFile sort = 1 << iota
	aFolder
)

func (s sort) String() string {
	return map[sort]string{aFile: "file", aFolder: "folder", aFile | aFolder: "file or folder"}[s]
}

// A reference is what a field of a kustomization says that is elsewhere.
type reference struct {
	field, path string
	to          sort
}

// folder copies a folder with a kustomization of a kind, and all that it refers
// to. The folders above are those that led here.
func (m *mirror) folder(dir, kind string, above []string) error {
	for _, a := range above {
		if a == dir || dir == "." || strings.HasPrefix(a, dir+"/") {
			return fmt.Errorf("it leads back to the folder %s, from which it came", dir)
		}
	}
	if had, ok := m.done[dir]; ok {
		return checkKind(dir, had, kind)
	}
	name, k, err := m.kustomization(dir)
	if err != nil {
		return err
	}
	if err := checkKind(dir, k.Kind, kind); err != nil {
		return err
	}
	above = append(above[:len(above):len(above)], dir)
	var all []error
	for _, r := range references(k) {
		if err := m.refer(dir, r, above); err != nil {
			all = append(all, err)
		}
	}
	if field := foreign(k); field != "" {
		all = append(all, hinted{fmt.Errorf("%s: %s run programs or plugins, and these may read anything", path.Join(dir, name), field), "take out " + field})
	}
	if err := joined(all); err != nil {
		return err
	}
	m.done[dir] = k.Kind
	m.schema = m.schema || len(k.OpenAPI) > 0
	m.hashes = m.hashes || len(k.ConfigMapGenerator)+len(k.SecretGenerator) > 0
	return nil
}

// kustomization copies and reads the kustomization in a folder.
func (m *mirror) kustomization(dir string) (name string, k *types.Kustomization, err error) {
	if m.files == nil {
		return "", nil, fmt.Errorf("there is no folder %s", dir)
	}
	var names []string
	var data []byte
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if text, err := fs.ReadFile(m.files, path.Join(dir, name)); err == nil {
			data, names = text, append(names, name)
		}
	}
	if len(names) == 0 {
		return "", nil, fmt.Errorf("there is no kustomization.yaml in the folder %s", dir)
	}
	if len(names) > 1 {
		return "", nil, fmt.Errorf("there is more than one kustomization in the folder %s: %s", dir, strings.Join(names, ", "))
	}
	m.write(path.Join(dir, names[0]), data)
	k = &types.Kustomization{}
	if err := k.Unmarshal(data); err != nil {
		return "", nil, fmt.Errorf("%s: %s", path.Join(dir, names[0]), plain(err))
	}
	k.FixKustomization()
	return names[0], k, nil
}

func checkKind(dir, is, want string) error {
	if is != want {
		return fmt.Errorf("the folder %s holds a kustomization of kind %s, not %s", dir, is, want)
	}
	return nil
}

// remoteUser starts what kustomize takes for a Git repository behind ssh.
var remoteUser = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@`)

// remote reports whether kustomize may take a reference for one to another
// machine. It looks for a host even where there is a file of that name.
func remote(path string) bool {
	return strings.Contains(path, ":") || strings.HasPrefix(strings.ToLower(path), "github.com/") || remoteUser.MatchString(path)
}

// refer copies what a kustomization in a folder refers to.
func (m *mirror) refer(dir string, r reference, above []string) error {
	full := path.Join(dir, r.path)
	if err := r.fits(full); err != nil {
		return err
	}
	info, err := m.stat(full)
	switch {
	case err != nil || info.IsDir() && r.to&aFolder == 0 || !info.IsDir() && r.to&aFile == 0:
		return r.wrong("there is no %s %s", r.to, full)
	case info.IsDir():
		if err := m.folder(full, r.kind(), above); err != nil {
			return hinted{r.wrong("%w", err), hintOf(err)}
		}
		return nil
	case dir != "." && !strings.HasPrefix(full, dir+"/"):
		return hinted{r.wrong("kustomize reads no file that is not in or below the folder of its kustomization"), "make a folder with a kustomization of it, and refer to that"}
	}
	data, err := fs.ReadFile(m.files, full)
	if err != nil {
		return r.wrong("%s cannot be read", full)
	}
	m.write(full, data)
	return nil
}

// fits returns why a reference, which leads to full, is not to be followed.
func (r reference) fits(full string) error {
	switch {
	case r.path == "":
		return fmt.Errorf("%s: an empty path", r.field)
	case remote(r.path):
		return hinted{r.wrong("that is not in this repository, and nothing is fetched"), "copy it into the repository, and refer to it there"}
	case path.IsAbs(r.path):
		return hinted{r.wrong("that is an absolute path"), "write it relative to its folder"}
	case full == ".." || strings.HasPrefix(full, "../"):
		return r.wrong("that leads out of the repository")
	}
	return nil
}

func (r reference) wrong(format string, args ...any) error {
	return fmt.Errorf("%s %s: %w", r.field, r.path, fmt.Errorf(format, args...))
}

// kind returns the kind of kustomization in a folder that is referred to.
func (r reference) kind() string {
	if r.field == "components" {
		return types.ComponentKind
	}
	return types.KustomizationKind
}

func (m *mirror) stat(name string) (fs.FileInfo, error) {
	if m.files == nil {
		return nil, fs.ErrNotExist
	}
	return fs.Stat(m.files, name)
}

// references returns all that a kustomization refers to.
func references(k *types.Kustomization) []reference {
	var all []reference
	add := func(to sort, field string, paths ...string) {
		for _, p := range paths {
			all = append(all, reference{field, p, to})
		}
	}
	add(aFile|aFolder, "resources", k.Resources...)
	add(aFolder, "components", k.Components...)
	add(aFile, "crds", k.Crds...)
	add(aFile, "configurations", k.Configurations...)
	for _, p := range k.PatchesStrategicMerge { //nolint:staticcheck // kustomize reads it still
		if _, err := factory.RF().SliceFromBytes([]byte(p)); err != nil { // as kustomize tells a patch from its file
			add(aFile, "patchesStrategicMerge", string(p))
		}
	}
	for field, patches := range map[string][]types.Patch{"patches": k.Patches, "patchesJson6902": k.PatchesJson6902} { //nolint:staticcheck // the same
		for _, p := range patches {
			if p.Path != "" {
				add(aFile, field, p.Path)
			}
		}
	}
	for _, r := range k.Replacements {
		if r.Path != "" {
			add(aFile, "replacements", r.Path)
		}
	}
	if p, ok := k.OpenAPI["path"]; ok {
		add(aFile, "openapi", p)
	}
	for _, c := range k.ConfigMapGenerator {
		add(aFile, "configMapGenerator", sources(c.KvPairSources)...)
	}
	for _, s := range k.SecretGenerator {
		add(aFile, "secretGenerator", sources(s.KvPairSources)...)
	}
	slices.SortStableFunc(all, func(a, b reference) int { return strings.Compare(a.field, b.field) })
	return all
}

// sources returns the files of a generator, which may stand behind a key.
func sources(s types.KvPairSources) []string {
	files := slices.Clone(s.EnvSources)
	for _, source := range s.FileSources {
		if _, file, keyed := strings.Cut(source, "="); keyed {
			source = file
		}
		files = append(files, source)
	}
	return files
}

// foreign names the fields of a kustomization that have kustomize run something.
// Those of its own plugins that read files read from anywhere.
func foreign(k *types.Kustomization) string {
	var fields []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"generators", len(k.Generators) > 0},
		{"transformers", len(k.Transformers) > 0},
		{"validators", len(k.Validators) > 0},
		{"helmCharts", len(k.HelmCharts) > 0},
		{"helmGlobals", k.HelmGlobals != nil},
	} {
		if f.set {
			fields = append(fields, f.name)
		}
	}
	return strings.Join(fields, ", ")
}
