package release

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/ringplan/ringplan/pkg/manifest"
)

// A Source is where charts come from: an OCI repository, or a folder.
type Source struct {
	Repository string `json:"repository,omitempty"`
	Path       string `json:"path,omitempty"`
}

// String names the source as users do, without credentials.
func (s Source) String() string {
	return credentials.ReplaceAllString(s.Repository, "//") + s.Path
}

var credentials = regexp.MustCompile(`//[^/@]*@`)

// A Pin says which bytes a chart of a version has.
type Pin struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Source
	// Digest is that of the manifest in the registry, which Flux and Helm fetch
	// by; "" for charts of a folder.
	Digest string `json:"digest,omitempty"`
	// Content is the digest of the chart's files, however they are packed.
	Content string `json:"content"`
}

// LockFile is the name of the file that pins charts, beside the topology.
const LockFile = "ringplan.lock"

// Places lists where a folder of charts may have a chart of a version, the most
// exact first: unpacked or packed, with or without the version in its name, as
// `helm pull` writes it, or in a folder for each version.
func Places(name, version string) []string {
	exact := name + "-" + version
	return []string{exact, version + "/" + name, name, exact + ".tgz", version + "/" + exact + ".tgz", name + ".tgz"}
}

// A Lock pins charts.
type Lock []Pin

// Pin returns the pin of a chart of a version.
func (l Lock) Pin(name, version string) (Pin, bool) {
	for _, p := range l {
		if p.Name == name && p.Version == version {
			return p, true
		}
	}
	return Pin{}, false
}

// File returns the lock as a document, its pins by name and version.
func (l Lock) File() manifest.File {
	pins := slices.SortedFunc(slices.Values(l), func(p, q Pin) int {
		return cmp.Or(cmp.Compare(p.Name, q.Name), cmp.Compare(p.Version, q.Version))
	})
	list := make([]any, len(pins))
	for i, p := range pins {
		list[i] = manifest.NewMap("name", p.Name, "version", p.Version).
			SetNonZero("repository", p.Repository).SetNonZero("path", p.Path).
			SetNonZero("digest", p.Digest).Set("content", p.Content)
	}
	return manifest.File{
		Path:   LockFile,
		Header: "Written by `ringplan charts lock`; commit it.",
		Docs:   []*manifest.Map{manifest.NewMap("apiVersion", "ringplan.dev/v1alpha1", "kind", "ChartLock", "charts", list)},
	}
}

// lockLimits bound a lock file.
var lockLimits = manifest.Limits{Depth: 10, Values: 100_000, Merged: 100}

// ParseLock reads what [Lock.File] wrote.
func ParseLock(data []byte) (Lock, error) {
	content, problems := manifest.ToJSON(data, lockLimits)
	if len(problems) > 0 {
		return nil, fmt.Errorf("%d:%d: %s", problems[0].Line, problems[0].Column, problems[0].Message)
	}
	var doc struct {
		APIVersion, Kind string
		Charts           Lock
	}
	if err := json.Unmarshal(content, &doc); err != nil {
		return nil, err
	}
	if doc.Kind != "ChartLock" || doc.APIVersion != "ringplan.dev/v1alpha1" {
		return nil, fmt.Errorf("not a lock of charts: it is %s of %s, not ChartLock of ringplan.dev/v1alpha1", doc.Kind, doc.APIVersion)
	}
	for i, p := range doc.Charts {
		if first, _ := doc.Charts.Pin(p.Name, p.Version); first != p {
			return nil, fmt.Errorf("%s %s is pinned twice, otherwise: charts[%d]", p.Name, p.Version, i)
		}
		if p.Name == "" || p.Version == "" || p.Content == "" {
			return nil, fmt.Errorf("a pin lacks its name, version or content: charts[%d]", i)
		}
	}
	return doc.Charts, nil
}

// Options say how charts are fetched.
type Options struct {
	// Cache is the folder that keeps what was fetched; "" is the user's own.
	Cache string
	// Offline forbids any request; charts must be pinned, and in the cache.
	Offline bool
	// PlainHTTP is for registries without TLS.
	PlainHTTP bool
}

// A Store loads charts, each once.
type Store interface {
	// Load returns the charts of names and versions from a source, in their
	// order. A pin that has a digest or content must match what is found. The
	// folder of a source is relative to dir.
	Load(ctx context.Context, dir string, from Source, pins []Pin) []Loaded
}

// A Loaded is a chart that was looked for: it is there, or Err says why not.
type Loaded struct {
	Chart
	Pin Pin
	Err error
}

// A MovedError says that a chart has other bytes than its pin says.
type MovedError struct{ Want, Got Pin }

func (e *MovedError) Error() string {
	want, got := e.Want.Content, e.Got.Content
	if want == got {
		want, got = e.Want.Digest, e.Got.Digest
	}
	return fmt.Sprintf("chart %s %s of %s has other bytes than were locked: %s, not %s", e.Want.Name, e.Want.Version, e.Got.Source, got, want)
}
