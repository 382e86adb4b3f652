package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ringplan/ringplan/cmd/charts"
	"github.com/ringplan/ringplan/pkg/release"
)

// engineFolders lists the folders in golden/ that engines are pointed at, by
// whatever is rendered for them.
func engineFolders(t *testing.T) []string {
	t.Helper()
	var dirs []string
	for _, pattern := range []string{"flux", "argocd", "*/flux", "*/flux/namespace", "*/flux/releases", "*/argocd/applications", "*/manifests/*"} {
		found, err := filepath.Glob("golden/*/rendered-*/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, found...)
	}
	if len(dirs) == 0 {
		t.Fatal("golden/ holds nothing for engines")
	}
	return dirs
}

// TestEnginesBuild builds every folder that engines are pointed at with kustomize
// itself. With the definitions of Flux and Argo CD, if TEST_CRDS names a folder of
// them, every field of what they are told is one that they know.
func TestEnginesBuild(t *testing.T) {
	atRoot(t)
	known := engineDefinitions(t)
	checked := 0
	for _, dir := range engineFolders(t) {
		built := kustomized(t, dir)
		if built.Size() == 0 {
			t.Errorf("%s: kustomize builds nothing", dir)
		}
		for _, resource := range built.Resources() {
			doc, err := resource.Map()
			if err != nil {
				t.Fatal(err)
			}
			o := release.Object{Doc: doc}
			if known == nil || !known.Known(o) {
				continue
			}
			checked++
			for _, p := range known.Check(o) {
				t.Errorf("%s: %s: %s", dir, o, p.Message)
			}
		}
	}
	if known != nil && checked == 0 {
		t.Error("nothing was held against the definitions")
	}
}

// TestEnginesFindTheirFolders sees that every folder that an engine is told of is
// rendered, in every phase of an expansion and of a removal.
func TestEnginesFindTheirFolders(t *testing.T) {
	atRoot(t)
	path := regexp.MustCompile(`(?m)^ +path: (?:\./)?data/[a-z]+/rendered/(\S+)$`)
	for _, example := range []string{"flux", "argocd", "committed"} {
		regions := map[string][2]string{"flux": {"belgium", "finland"}, "argocd": {"iowa", "oregon"}, "committed": {"virginia", "nevada"}}[example]
		for _, phase := range []string{"joining", "rebuilding", "settling", "serving", "draining", "detaching", "leaving", "clearing", "closing"} {
			out := renderTo(t, "examples/"+example, "--phase", regions[0]+"=serving,"+regions[1]+"="+phase)
			found := 0
			for file, text := range readTree(t, out) {
				for _, match := range path.FindAllStringSubmatch(text, -1) {
					found++
					if !exists(filepath.Join(out, match[1], "kustomization.yaml")) {
						t.Errorf("%s at %s: %s is told of %s, which is not rendered", example, phase, file, match[1])
					} else if phase == "closing" && strings.HasSuffix(match[1], "/flux/releases") {
						kustomized(t, filepath.Join(out, match[1])) // where no release is left, too
					}
				}
			}
			if found == 0 {
				t.Errorf("%s at %s: no engine is told of a folder", example, phase)
			}
		}
	}
}

// engineDefinitions returns those of the engines; nil without TEST_CRDS.
func engineDefinitions(t *testing.T) release.Definitions {
	t.Helper()
	dir := os.Getenv("TEST_CRDS")
	if dir == "" {
		return nil
	}
	libraries := charts.Libraries()
	var all []release.Object
	for _, engine := range []string{"flux", "argocd"} {
		found, err := libraries.ReadDefinitions(filepath.Join(dir, engine))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	known, err := libraries.Definitions(all)
	if err != nil {
		t.Fatal(err)
	}
	return known
}
