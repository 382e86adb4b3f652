// Package chart loads Helm charts and renders releases with them, as Helm does.
// All of Helm stays in here.
package chart

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	helm "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/ringplan/ringplan/pkg/release"
)

// A Store loads charts, each once.
type Store struct {
	options release.Options
	mu      sync.Mutex
	charts  map[string]*entry
}

// An entry is a chart, once it was looked for until the end.
type entry struct {
	mu     sync.Mutex
	done   bool
	loaded release.Loaded
}

// Open returns a store.
func Open(options release.Options) *Store {
	return &Store{options: options, charts: map[string]*entry{}}
}

// atOnce is how many charts are fetched at the same time.
const atOnce = 4

// Load implements [release.Store].
func (s *Store) Load(ctx context.Context, dir string, from release.Source, pins []release.Pin) []release.Loaded {
	loaded := make([]release.Loaded, len(pins))
	var wait sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i, pin := range pins {
		wait.Go(func() {
			turns <- struct{}{}
			loaded[i] = s.load(ctx, dir, from, pin)
			<-turns
		})
	}
	wait.Wait()
	return loaded
}

func (s *Store) load(ctx context.Context, dir string, from release.Source, pin release.Pin) release.Loaded {
	key := strings.Join([]string{dir, from.Repository, from.Path, pin.Name, pin.Version, pin.Digest, pin.Content}, "\x00")
	s.mu.Lock()
	e := s.charts[key]
	if e == nil {
		e = &entry{}
		s.charts[key] = e
	}
	s.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.done {
		e.loaded = s.open(ctx, dir, from, pin)
		e.done = ctx.Err() == nil
	}
	return e.loaded
}

func (s *Store) open(ctx context.Context, dir string, from release.Source, pin release.Pin) release.Loaded {
	got := release.Pin{Name: pin.Name, Version: pin.Version, Source: from}
	var files *helm.Chart
	var err error
	if from.Repository != "" {
		files, got.Digest, err = s.fetch(ctx, from.Repository, pin)
	} else {
		files, err = find(filepath.Join(dir, filepath.FromSlash(from.Path)), pin)
	}
	if err == nil && (files.Name() != pin.Name || files.Metadata.Version != pin.Version) {
		err = fmt.Errorf("%s holds chart %s %s", from, files.Name(), files.Metadata.Version)
	}
	if err != nil {
		return release.Loaded{Pin: got, Err: fmt.Errorf("chart %s %s: %w", pin.Name, pin.Version, err)}
	}
	got.Content = contentDigest(files)
	if pin.Content != "" && pin.Content != got.Content || pin.Digest != "" && got.Digest != "" && pin.Digest != got.Digest {
		return release.Loaded{Pin: got, Err: &release.MovedError{Want: pin, Got: got}}
	}
	c, err := parse(files)
	if err != nil {
		return release.Loaded{Pin: got, Err: fmt.Errorf("chart %s %s: %w", pin.Name, pin.Version, err)}
	}
	return release.Loaded{Chart: c, Pin: got}
}

// contentDigest returns the digest of the files of a chart, by their names and
// bytes alone.
func contentDigest(c *helm.Chart) string {
	lines := make([]string, len(c.Raw))
	for i, f := range c.Raw {
		lines[i] = fmt.Sprintf("%x  %s\n", sha256.Sum256(f.Data), f.Name)
	}
	slices.Sort(lines)
	return digestOf([]byte(strings.Join(lines, "")))
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// find loads a chart from a folder of charts.
func find(dir string, pin release.Pin) (*helm.Chart, error) {
	var other []string
	for _, place := range release.Places(pin.Name, pin.Version) {
		at := filepath.Join(dir, filepath.FromSlash(place))
		c, err := loadFrom(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("%s: %w", filepath.ToSlash(at), err)
		case c.Metadata.Version == pin.Version:
			return c, nil
		default:
			other = append(other, c.Metadata.Version)
		}
	}
	if len(other) > 0 {
		return nil, fmt.Errorf("%s has it in version %s only", filepath.ToSlash(dir), strings.Join(other, ", "))
	}
	return nil, fmt.Errorf("%s has neither a folder nor an archive of it", filepath.ToSlash(dir))
}

func loadFrom(path string) (*helm.Chart, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return unpack(data)
	}
	if _, err := os.Stat(filepath.Join(path, "Chart.yaml")); err != nil {
		return nil, err
	}
	return loader.LoadDir(path)
}

// unpack reads a packed chart.
func unpack(data []byte) (*helm.Chart, error) { return loader.LoadArchive(bytes.NewReader(data)) }
