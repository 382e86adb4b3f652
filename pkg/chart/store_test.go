package chart

import (
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	helm "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/ringplan/ringplan/pkg/release"
)

func init() { log.SetOutput(io.Discard) } // where Helm warns

// files are the files of a chart.
type files map[string]string

// shop returns the files of a chart of a version.
func shop(version string, more files) files {
	all := files{
		"Chart.yaml":               "apiVersion: v2\nname: shop\nversion: " + version + "\n",
		"values.yaml":              "replicas: 1\n",
		"templates/_helpers.tpl":   `{{ define "shop.name" }}{{ .Release.Name }}-shop{{ end }}`,
		"templates/configmap.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ include \"shop.name\" . }}}\ndata: {replicas: {{ .Values.replicas | quote }}}\n",
	}
	maps.Copy(all, more)
	return all
}

// write writes files into a folder, and returns it.
func (f files) write(t testing.TB, dir string) string {
	t.Helper()
	for name, text := range f {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load returns the chart as Helm has it.
func (f files) load(t testing.TB) *helm.Chart {
	t.Helper()
	var list []*loader.BufferedFile
	for _, name := range slices.Sorted(maps.Keys(f)) {
		list = append(list, &loader.BufferedFile{Name: name, Data: []byte(f[name])})
	}
	c, err := loader.LoadFiles(list)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// parse returns the chart as the store has it.
func (f files) parse(t testing.TB) *Chart {
	t.Helper()
	c, err := parse(f.load(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pack writes the chart as an archive into a folder, under the name that Helm
// gives it, and returns the archive.
func (f files) pack(t testing.TB, dir string) []byte {
	t.Helper()
	c, err := loader.LoadDir(f.write(t, filepath.Join(t.TempDir(), "shop")))
	if err != nil {
		t.Fatal(err)
	}
	path, err := chartutil.Save(c, dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// loadOne loads one chart from a folder with a store of its own.
func loadOne(dir string, pin release.Pin) release.Loaded {
	return Open(release.Options{}).Load(context.Background(), dir, release.Source{Path: "charts"}, []release.Pin{pin})[0]
}

func pinned(version string) release.Pin { return release.Pin{Name: "shop", Version: version} }

// TestFind looks for a chart wherever it may stand in a folder of charts.
func TestFind(t *testing.T) {
	one, two := shop("1.0.0", nil), shop("2.0.0", nil)
	for name, c := range map[string]struct {
		make func(charts string)
		want string // in the error; "" for none
	}{
		"a folder":               {func(charts string) { one.write(t, filepath.Join(charts, "shop")) }, ""},
		"a folder by version":    {func(charts string) { one.write(t, filepath.Join(charts, "shop-1.0.0")) }, ""},
		"an archive":             {func(charts string) { one.pack(t, charts) }, ""},
		"another version beside": {func(charts string) { two.write(t, filepath.Join(charts, "shop")); one.pack(t, charts) }, ""},
		"a folder without a chart beside": {func(charts string) {
			files{"README.md": "x"}.write(t, filepath.Join(charts, "shop"))
			one.pack(t, charts)
		}, ""},
		"nothing":            {func(string) {}, "has neither a folder nor an archive of it"},
		"another version":    {func(charts string) { two.write(t, filepath.Join(charts, "shop")) }, "has it in version 2.0.0 only"},
		"a folder that lies": {func(charts string) { two.write(t, filepath.Join(charts, "shop-1.0.0")) }, "has it in version 2.0.0 only"},
		"another chart": {func(charts string) {
			shop("1.0.0", files{"Chart.yaml": "apiVersion: v2\nname: store\nversion: 1.0.0\n"}).write(t, filepath.Join(charts, "shop"))
		}, "charts holds chart store 1.0.0"},
		"a broken archive": {func(charts string) { files{"shop-1.0.0.tgz": "no archive"}.write(t, charts) }, "shop-1.0.0.tgz: "},
		"a cut archive": {func(charts string) {
			data := one.pack(t, charts)
			files{"shop-1.0.0.tgz": string(data[:len(data)/2])}.write(t, charts)
		}, "shop-1.0.0.tgz: "},
		"broken metadata": {func(charts string) {
			shop("1.0.0", files{"Chart.yaml": "name: [shop\n"}).write(t, filepath.Join(charts, "shop"))
		}, "charts/shop: cannot load Chart.yaml"},
		"no version": {func(charts string) {
			shop("1.0.0", files{"Chart.yaml": "name: shop\n"}).write(t, filepath.Join(charts, "shop"))
		}, "charts/shop: validation: chart.metadata.version is required"},
		"a broken template": {func(charts string) {
			shop("1.0.0", files{"templates/x.yaml": "a: {{ if }}\n"}).write(t, filepath.Join(charts, "shop"))
		}, "shop/templates/x.yaml:1"},
		"a broken schema": {func(charts string) {
			shop("1.0.0", files{"values.schema.json": "{"}).write(t, filepath.Join(charts, "shop"))
		}, "values.schema.json of shop: "},
		"a library": {func(charts string) {
			shop("1.0.0", files{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\ntype: library\n"}).write(t, filepath.Join(charts, "shop"))
		}, "it is a library"},
		"a dependency to fetch": {func(charts string) {
			shop("1.0.0", files{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: cart, version: 1.x.x, repository: https://example.com}]\n"}).write(t, filepath.Join(charts, "shop"))
		}, "its dependency cart is not in its folder charts: run `helm dependency update` there"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			charts := filepath.Join(dir, "charts")
			if err := os.Mkdir(charts, 0o755); err != nil {
				t.Fatal(err)
			}
			c.make(charts)
			loaded := loadOne(dir, pinned("1.0.0"))
			switch {
			case c.want == "" && loaded.Err != nil:
				t.Error(loaded.Err)
			case c.want == "":
				if loaded.Chart == nil || loaded.Pin.Version != "1.0.0" || loaded.Pin.Path != "charts" || !strings.HasPrefix(loaded.Pin.Content, "sha256:") || loaded.Pin.Digest != "" {
					t.Errorf("%+v", loaded)
				}
			case loaded.Err == nil || loaded.Chart != nil || !strings.HasPrefix(loaded.Err.Error(), "chart shop 1.0.0: ") || !strings.Contains(loaded.Err.Error(), c.want):
				t.Errorf("%v, want %q", loaded.Err, c.want)
			}
		})
	}
	if err := loadOne(t.TempDir(), pinned("1.0.0")).Err; err == nil || !strings.Contains(err.Error(), "neither a folder nor an archive") {
		t.Errorf("a missing folder: %v", err)
	}
}

// TestMoved changes a chart under its version.
func TestMoved(t *testing.T) {
	for name, put := range map[string]func(files, string){
		"folder":  func(f files, charts string) { f.write(t, filepath.Join(charts, "shop")) },
		"archive": func(f files, charts string) { f.pack(t, charts) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(shop("1.0.0", nil), filepath.Join(dir, "charts"))
			first := loadOne(dir, pinned("1.0.0"))
			if first.Err != nil {
				t.Fatal(first.Err)
			}
			if again := loadOne(dir, first.Pin); again.Err != nil || again.Pin != first.Pin {
				t.Errorf("%+v is not %+v: %v", again.Pin, first.Pin, again.Err)
			}
			put(shop("1.0.0", files{"values.yaml": "replicas: 2\n"}), filepath.Join(dir, "charts"))
			var moved *release.MovedError
			if err := loadOne(dir, first.Pin).Err; !errors.As(err, &moved) || moved.Want != first.Pin || moved.Got.Content == first.Pin.Content {
				t.Errorf("a chart with other bytes: %v", err)
			}
		})
	}
}

// TestContent shows what the digest of the content depends on.
func TestContent(t *testing.T) {
	digest := func(c *helm.Chart) string { t.Helper(); return contentDigest(c) }
	base := shop("1.0.0", files{
		"README.md": "read me", ".helmignore": "*.bak\nnotes/\n", "crds/a.yaml": "kind: CustomResourceDefinition\n",
		"Chart.yaml":             "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: cart, version: 1.0.0}]\n",
		"charts/cart/Chart.yaml": "apiVersion: v2\nname: cart\nversion: 1.0.0\n",
	})
	want := digest(base.load(t))
	reversed := base.load(t)
	slices.Reverse(reversed.Raw)
	if digest(reversed) != want {
		t.Error("the digest depends on the order of the files")
	}
	for name, text := range map[string]string{"README.md": "read me not", "values.yaml": "replicas: 2\n", "extra": "", "charts/cart/values.yaml": "a: b\n"} {
		other := maps.Clone(base)
		other[name] = text
		if digest(other.load(t)) == want {
			t.Errorf("the digest is the same with another %s", name)
		}
	}
	swapped := maps.Clone(base)
	swapped["a"], swapped["b"] = "1", "2"
	one := digest(swapped.load(t))
	swapped["a"], swapped["b"] = "2", "1"
	if digest(swapped.load(t)) == one {
		t.Error("the digest does not depend on which file has which bytes")
	}

	// What .helmignore leaves out is in no package.
	dir := maps.Clone(base)
	dir["x.bak"], dir["notes/a"] = "left out", "left out"
	ignored, err := loader.LoadDir(dir.write(t, filepath.Join(t.TempDir(), "shop")))
	if err != nil {
		t.Fatal(err)
	}
	if digest(ignored) != want {
		t.Error("the digest depends on files that .helmignore leaves out")
	}
	charts := t.TempDir()
	packed, err := unpack(dir.pack(t, charts))
	if err != nil {
		t.Fatal(err)
	}
	if err := chartutil.ExpandFile(charts, filepath.Join(charts, "shop-1.0.0.tgz")); err != nil {
		t.Fatal(err)
	}
	unpacked, err := loader.LoadDir(filepath.Join(charts, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	if digest(packed) != digest(unpacked) {
		t.Error("the digest of a package is another once it is unpacked")
	}
}

// TestLoadedOnce loads a chart from many goroutines, while its folder goes away.
func TestLoadedOnce(t *testing.T) {
	dir := t.TempDir()
	shop("1.0.0", nil).write(t, filepath.Join(dir, "charts", "shop"))
	s := Open(release.Options{})
	pins := []release.Pin{pinned("1.0.0"), pinned("3.0.0"), pinned("1.0.0")}
	first := s.Load(context.Background(), dir, release.Source{Path: "charts"}, pins)
	if first[0].Err != nil || first[0].Chart != first[2].Chart || first[1].Err == nil {
		t.Fatalf("%+v", first)
	}
	if err := os.RemoveAll(filepath.Join(dir, "charts")); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			loaded := s.Load(context.Background(), dir, release.Source{Path: "charts"}, pins)
			if loaded[0].Chart != first[0].Chart || loaded[1].Err == nil {
				t.Errorf("%+v", loaded)
			}
		})
	}
	wait.Wait()
}
