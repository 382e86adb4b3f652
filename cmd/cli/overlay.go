package cli

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// maxPatch is the size of a patch file above which it is not read.
const maxPatch = 1 << 20

// readBeside reads what a topology refers to beside it: its lock, and the
// patches of its overlays.
func (r *ring) readBeside() error {
	if err := r.readLock(); err != nil {
		return err
	}
	r.locate()
	overlaysOf(r.Topology, func(path string, o *topology.Overlay) {
		for i := range o.Patches {
			r.readPatch(fmt.Sprintf("%s.patches[%d]", path, i), &o.Patches[i])
		}
		for i, folder := range o.Components {
			r.lintComponent(fmt.Sprintf("%s.components[%d]", path, i), folder)
		}
	})
	return nil
}

// overlaysOf visits every overlay of a topology.
func overlaysOf(t *topology.Topology, visit func(path string, o *topology.Overlay)) {
	visit("spec.overlay", &t.Spec.Overlay)
	for i := range t.Spec.Regions {
		visit(t.Spec.Regions[i].Path("overlay"), &t.Spec.Regions[i].Overlay)
	}
}

// readPatch puts the text of a patch in its place, and checks what can be seen
// of it.
func (r *ring) readPatch(path string, p *topology.Patch) {
	switch {
	case p.Patch == "" && p.Path == "":
		r.report("RP150", path, "give it either patch or path", "the patch has neither a text nor a file")
		return
	case p.Patch != "" && p.Path != "":
		r.report("RP150", path, "keep one", "the patch has both a text and a file")
		return
	case p.Path != "":
		data, err := r.readOwn(p.Path)
		if err != nil {
			r.report("RP150", path+".path", besideHint, "%s cannot be read: %v", p.Path, err)
			return
		}
		p.Patch = string(data)
	}
	if what, hint := patchWords(p); what != "" {
		r.report("RP150", path, hint, "%s", what)
	}
	if id, _ := system.PatchedObject(p.Patch); (id.Kind == "Secret" || mayTarget(p, "Secret")) && secretField.MatchString(p.Patch) {
		r.report("RP084", path, "make the Secret in the cluster, and replace what was written down", "the patch holds values of a Secret in plain text")
	}
	if word := staged.FindString(p.Patch); word != "" || mayTarget(p, "CassandraDataReplication") {
		if word == "" {
			word = "the CassandraDataReplication"
		}
		r.report("RP153", path, "remove the patch: the topology and its rollout decide this", "the patch changes %s, which the stages decide", word)
	}
}

// secretField matches the fields of a Secret that hold its values.
var secretField = regexp.MustCompile(`(^|[\s"'/{])(data|stringData)\b`)

// staged matches the fields that the stages decide.
var staged = regexp.MustCompile(`\b(multiRegionSeedHost|externalSeedHost|forceUpdateMultiRegionSeedHost|CassandraDataReplication)\b`)

// mayTarget reports whether a patch names a kind as its target.
func mayTarget(p *topology.Patch, kind string) bool {
	if p.Target == nil || p.Target.Kind == "" {
		return false
	}
	match, err := regexp.MatchString("^(?:"+p.Target.Kind+")$", kind)
	return err == nil && match
}

// besideHint is what to do about something that is not there.
const besideHint = "name what is in the repository, relative to the topology"

// patchWords says why a text is no patch, or that it does not say what it is
// for, and what to do.
func patchWords(p *topology.Patch) (what, hint string) {
	if _, named := system.PatchedObject(p.Patch); named {
		return "", ""
	}
	if text := strings.TrimSpace(p.Patch); strings.HasPrefix(text, "-") || strings.HasPrefix(text, "[") {
		if p.Target == nil {
			return "the JSON 6902 patch does not say what it is for", "give it a target"
		}
		return "", ""
	}
	if _, problems := manifest.ToJSON([]byte(p.Patch), system.PatchLimits); len(problems) > 0 {
		return fmt.Sprintf("the patch is no YAML of a map or a list: line %d: %s", problems[0].Line, problems[0].Message), "write a strategic merge patch, or a list of JSON 6902 operations"
	}
	if p.Target == nil {
		return "the patch does not say what it is for", "give it a target, or an apiVersion, a kind and a name"
	}
	return "", ""
}

// lintComponent looks for the folder of a component.
func (r *ring) lintComponent(at, folder string) {
	files, _ := r.repository()
	in, err := r.inRepository(folder)
	if err != nil {
		r.report("RP150", at, besideHint, "%s cannot be read: %v", folder, err)
		return
	}
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if _, err := fs.Stat(files, path.Join(in, name)); err == nil {
			r.lintComponentFiles(at, folder, in)
			return
		}
	}
	if _, err := fs.Stat(files, in); err != nil {
		r.report("RP150", at, besideHint, "folder %s cannot be read: %v", folder, reason(err))
		return
	}
	r.report("RP150", at, "give it one of kind Component", "folder %s has no kustomization.yaml", folder)
}

// lintComponentFiles looks in the files of a component for what the stages
// decide, and notes their digest.
func (r *ring) lintComponentFiles(at, folder, in string) {
	files, _ := r.repository()
	var lines strings.Builder
	_ = fs.WalkDir(files, in, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // what cannot be read, rendering says
		}
		data, _ := fs.ReadFile(files, name)
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(data), strings.TrimPrefix(name, in))
		if word := staged.Find(data); word != nil {
			r.report("RP153", at, "take it out of the component: the topology and its rollout decide this", "%s of component %s changes %s, which the stages decide", path.Base(name), folder, word)
		}
		return nil
	})
	if r.ComponentDigests == nil {
		r.ComponentDigests = map[string]string{}
	}
	r.ComponentDigests[folder] = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(lines.String())))
}

// inRepository returns the path in the repository of something that the topology
// names.
func (r *ring) inRepository(name string) (string, error) {
	files, dir := r.repository()
	in := path.Join(dir, name)
	if files == nil || path.IsAbs(name) || filepath.IsAbs(name) || !fs.ValidPath(in) {
		return "", errors.New("it is not inside the repository of the topology")
	}
	return in, nil
}

// readOwn reads a file of the repository that holds the topology.
func (r *ring) readOwn(name string) ([]byte, error) {
	files, _ := r.repository()
	in, err := r.inRepository(name)
	if err != nil {
		return nil, err
	}
	info, err := fs.Stat(files, in)
	switch {
	case err != nil:
		return nil, reason(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no file")
	case info.Size() > maxPatch:
		return nil, fmt.Errorf("it has more than %d bytes", maxPatch)
	}
	data, err := fs.ReadFile(files, in)
	return data, reason(err)
}

// reason returns why something of the repository cannot be read, without its
// path on this machine.
func reason(err error) error {
	var failed *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("it is not there")
	case !errors.As(err, &failed):
		return err
	case failed.Err.Error() == "path escapes from parent": // which package os does not export
		return errors.New("a link leads out of the repository")
	}
	return failed.Err
}

// readLock reads the pins of the charts, if there are any.
func (r *ring) readLock() error {
	data, err := os.ReadFile(filepath.Join(r.dir(), release.LockFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	lock, err := release.ParseLock(data)
	if err != nil {
		r.found("RP154", release.LockFile, 1, 1, "write it anew with `ringplan charts lock`", "%s cannot be read: %v", release.LockFile, err)
		r.findings[len(r.findings)-1].Severity = diag.Error // what it pinned is not known
		return nil
	}
	r.lock = lock
	fits := func(p release.Pin) bool { return p.Version == r.Spec.Version && p.Source == r.source() }
	names := r.chartNames()
	var missing []string
	for _, name := range names {
		if pin, ok := lock.Pin(name, r.Spec.Version); !ok || !fits(pin) {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) == 0:
	case len(missing) == len(names):
		r.found("RP154", release.LockFile, 1, 1, "", "%s pins no chart of version %s of %s", release.LockFile, r.Spec.Version, r.source())
	default:
		r.found("RP154", release.LockFile, 1, 1, "", "%s does not pin version %s of %s from %s", release.LockFile, r.Spec.Version, strings.Join(missing, ", "), r.source())
	}
	r.Pinned = map[string]string{}
	for _, pin := range lock {
		if fits(pin) {
			r.Pinned[pin.Name] = cmp.Or(pin.Digest, pin.Content)
		}
	}
	return nil
}

// locate finds the charts in their folder.
func (r *ring) locate() {
	if r.Spec.Charts.Path == "" {
		return
	}
	in, err := r.inRepository(r.Spec.Charts.Path)
	if err == nil {
		files, _ := r.repository()
		if _, err = fs.Stat(files, in); errors.Is(err, fs.ErrNotExist) {
			return // which loading a chart says, where one is needed
		}
	}
	if err != nil {
		r.report("RP045", "spec.charts.path", "put the folder of charts into the repository, and name it relative to the topology", "charts path %q leaves the repository of the topology", r.Spec.Charts.Path)
		return
	}
	r.locateBy(func(place string) bool {
		_, err := os.Stat(filepath.Join(r.dir(), filepath.FromSlash(r.Spec.Charts.Path), filepath.FromSlash(place)))
		return err == nil
	})
}

// locateBy finds the charts by whether something is at a place in their folder.
func (r *ring) locateBy(there func(place string) bool) {
	r.Located = map[string]string{}
	for _, name := range r.chartNames() {
		places := release.Places(name, r.Spec.Version)
		if i := slices.IndexFunc(places, there); i >= 0 {
			r.Located[name] = places[i]
		}
	}
}
