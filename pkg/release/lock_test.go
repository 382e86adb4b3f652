package release

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/manifest"
)

const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func encoded(t *testing.T, l Lock) string {
	t.Helper()
	data, err := manifest.Encode([]manifest.File{l.File()})
	if err != nil {
		t.Fatal(err)
	}
	return string(data[0])
}

func TestLockReadsBack(t *testing.T) {
	oci, folder := Source{Repository: "oci://example.com/charts"}, Source{Path: "../charts"}
	pins := Lock{
		{Name: "b", Version: "1.16.0", Source: oci, Digest: digest, Content: "sha256:3"},
		{Name: "a", Version: "1.16.0", Source: folder, Content: "sha256:2"},
		{Name: "b", Version: "1.15.1", Source: oci, Digest: digest, Content: "sha256:4"},
		{Name: "a", Version: "1.15", Source: folder, Content: "1e3"}, // what YAML takes for numbers
	}
	given := slices.Clone(pins)
	text := encoded(t, pins)
	if diff := cmp.Diff(given, pins); diff != "" {
		t.Errorf("the lock was put in order where it stands (-want +got):\n%s", diff)
	}
	const want = `# Written by ` + "`ringplan charts lock`" + `; commit it.
apiVersion: ringplan.dev/v1alpha1
kind: ChartLock
charts:
  - name: a
    version: "1.15"
    path: ../charts
    content: "1e3"
  - name: a
    version: 1.16.0
    path: ../charts
    content: sha256:2
  - name: b
    version: 1.15.1
    repository: oci://example.com/charts
    digest: ` + digest + `
    content: sha256:4
  - name: b
    version: 1.16.0
    repository: oci://example.com/charts
    digest: ` + digest + `
    content: sha256:3
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err := ParseLock([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Lock{pins[3], pins[1], pins[2], pins[0]}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := encoded(t, got); again != text {
		t.Errorf("what is read is written otherwise:\n%s", again)
	}
	if f := pins.File(); f.Path != "ringplan.lock" {
		t.Errorf("the file is %s", f.Path)
	}
	empty, err := ParseLock([]byte(encoded(t, nil)))
	if err != nil || len(empty) > 0 {
		t.Errorf("of no charts: %v, %v", empty, err)
	}
}

func TestParseLockRefuses(t *testing.T) {
	const head = "apiVersion: ringplan.dev/v1alpha1\nkind: ChartLock\n"
	for name, tt := range map[string]struct{ text, want string }{
		"no YAML":          {head + "charts: [", "3:1: not valid YAML"},
		"a duplicate":      {head + "kind: ChartLock\n", "3:1: "},
		"two documents":    {head + "---\n" + head, ": "},
		"nothing":          {"", ": "},
		"too deep":         {head + "charts: " + strings.Repeat("[", 20) + strings.Repeat("]", 20), "3:"},
		"a list":           {"[]", "1:1: the file holds a list"},
		"charts of a map":  {head + "charts: {}", "cannot unmarshal"},
		"a number":         {head + "charts: [{name: a, version: 1.16, content: c}]", "cannot unmarshal"},
		"another kind":     {"apiVersion: ringplan.dev/v1alpha1\nkind: Topology\n", "not a lock of charts: it is Topology of ringplan.dev/v1alpha1, not ChartLock of ringplan.dev/v1alpha1"},
		"another version":  {"apiVersion: ringplan.dev/v2\nkind: ChartLock\n", "not a lock of charts: it is ChartLock of ringplan.dev/v2, not"},
		"no kind":          {"apiVersion: ringplan.dev/v1alpha1\n", "not a lock of charts: "},
		"no version":       {"kind: ChartLock\n", "not a lock of charts: "},
		"pin, no name":     {head + "charts: [{version: v, content: c}]", "a pin lacks its name, version or content: charts[0]"},
		"pin, no version":  {head + "charts: [{name: a, content: c}]", "a pin lacks its name, version or content: charts[0]"},
		"pin, no content":  {head + "charts: [{name: a, version: v, digest: d}]", "a pin lacks its name, version or content: charts[0]"},
		"a pin of several": {head + "charts: [{name: a, version: v, content: c}, {name: b}]", "a pin lacks its name, version or content: charts[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			lock, err := ParseLock([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v", lock, err)
			}
		})
	}
	lock, err := ParseLock([]byte(head + "charts: [{name: a, version: v, content: c}]"))
	if diff := cmp.Diff(Lock{{Name: "a", Version: "v", Content: "c"}}, lock); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestPin(t *testing.T) {
	l := Lock{{Name: "a", Version: "1", Content: "x"}, {Name: "a", Version: "2", Content: "y"}, {Name: "b", Version: "1", Content: "z"}}
	for _, want := range l {
		if got, ok := l.Pin(want.Name, want.Version); !ok || got != want {
			t.Errorf("%s %s: got %+v, %v", want.Name, want.Version, got, ok)
		}
	}
	for _, missing := range [][2]string{{"b", "2"}, {"c", "1"}, {"", ""}} {
		if got, ok := l.Pin(missing[0], missing[1]); ok || got != (Pin{}) {
			t.Errorf("%v: got %+v, %v", missing, got, ok)
		}
	}
}

// TestPlaces: an exact name counts more than one without a version, and an
// unpacked chart more than a packed one.
func TestPlaces(t *testing.T) {
	want := []string{"web-1.2.0", "1.2.0/web", "web", "web-1.2.0.tgz", "1.2.0/web-1.2.0.tgz", "web.tgz"}
	if diff := cmp.Diff(want, Places("web", "1.2.0")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMovedError(t *testing.T) {
	pin := func(digest, content string) Pin {
		return Pin{Name: "web", Version: "1.2.0", Source: Source{Repository: "oci://example.com/charts"}, Digest: digest, Content: content}
	}
	folder := Pin{Name: "web", Version: "1.2.0", Source: Source{Path: "charts"}, Content: "sha256:new"}
	for name, tt := range map[string]struct {
		err  MovedError
		want string
	}{
		"content":            {MovedError{pin("", "sha256:old"), pin("", "sha256:new")}, "chart web 1.2.0 of oci://example.com/charts has other bytes than were locked: sha256:new, not sha256:old"},
		"content and digest": {MovedError{pin("sha256:d1", "sha256:old"), pin("sha256:d2", "sha256:new")}, "chart web 1.2.0 of oci://example.com/charts has other bytes than were locked: sha256:new, not sha256:old"},
		"digest alone":       {MovedError{pin("sha256:d1", "sha256:same"), pin("sha256:d2", "sha256:same")}, "chart web 1.2.0 of oci://example.com/charts has other bytes than were locked: sha256:d2, not sha256:d1"},
		"of a folder":        {MovedError{pin("", "sha256:old"), folder}, "chart web 1.2.0 of charts has other bytes than were locked: sha256:new, not sha256:old"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestSourceHidesCredentials(t *testing.T) {
	for source, want := range map[Source]string{
		{Repository: "oci://user:pw@registry.example/charts"}: "oci://registry.example/charts",
		{Repository: "oci://registry.example/a@b"}:            "oci://registry.example/a@b",
		{Path: "../charts"}:                                   "../charts",
	} {
		if got := source.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
