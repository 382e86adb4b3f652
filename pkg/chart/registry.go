package chart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	helm "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/registry"

	"github.com/ringplan/ringplan/pkg/release"
)

// fetch returns a chart of an OCI repository, and the digest of its manifest:
// from the cache if it is pinned or its tag names what is there, else from the
// registry.
func (s *Store) fetch(ctx context.Context, repository string, pin release.Pin) (*helm.Chart, string, error) {
	digest := pin.Digest
	ref := strings.TrimPrefix(repository, "oci://") + "/" + pin.Name
	from := s.registry(ctx, repository)
	defer from.close()
	if digest == "" {
		if s.options.Offline {
			return nil, "", errors.New("it is not pinned, and --offline forbids to ask " + repository + ": run `ringplan charts lock` first")
		}
		found, err := ask(from, func(client *registry.Client) (string, error) {
			found, err := client.Resolve(ref + ":" + tagOf(pin.Version))
			return found.Digest.String(), err
		})
		if err != nil {
			return nil, "", err
		}
		digest = found
	}
	cache, err := s.cache(digest)
	if err != nil {
		return nil, "", err
	}
	if data, err := cache.read(); err == nil {
		c, err := unpack(data)
		return c, digest, err
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("the cache of charts cannot be read, name another with --chart-cache: %w", err)
	}
	if s.options.Offline {
		return nil, "", fmt.Errorf("%s is not in the cache %s, or not whole, and --offline forbids to fetch it", digest, filepath.ToSlash(cache.dir))
	}
	pulled, err := ask(from, func(client *registry.Client) (*registry.PullResult, error) { return client.Pull(ref + "@" + digest) })
	if err != nil {
		return nil, "", err
	}
	if err := cache.write(pulled.Manifest.Data, pulled.Chart.Data); err != nil {
		return nil, "", err
	}
	c, err := unpack(pulled.Chart.Data)
	return c, digest, err
}

// tagOf returns the tag of a version: tags have no plus sign, so that Helm writes
// another there.
func tagOf(version string) string { return strings.ReplaceAll(version, "+", "_") }

// A source is a registry to ask, for one chart.
type source struct {
	repository string
	plain      bool // without TLS
	options    []registry.ClientOption
	transport  *bound
	close      func()
}

// registry returns a registry whose requests end with ctx, and have the
// credentials of Helm, or else of Docker.
func (s *Store) registry(ctx context.Context, repository string) *source {
	next := registry.NewTransport(false)
	transport := &bound{ctx: ctx, next: next}
	options := []registry.ClientOption{
		registry.ClientOptEnableCache(true),
		registry.ClientOptHTTPClient(&http.Client{Transport: transport}),
	}
	if file := os.Getenv("HELM_REGISTRY_CONFIG"); file != "" {
		options = append(options, registry.ClientOptCredentialsFile(file))
	}
	if s.options.PlainHTTP {
		options = append(options, registry.ClientOptPlainHTTP())
	}
	return &source{repository, s.options.PlainHTTP, options, transport, func() {
		if base, ok := next.Base.(*http.Transport); ok {
			base.CloseIdleConnections()
		}
	}}
}

// ask asks a registry for something.
func ask[T any](s *source, question func(*registry.Client) (T, error)) (answer T, err error) {
	if err := s.transport.ctx.Err(); err != nil {
		return answer, err
	}
	client, err := registry.NewClient(s.options...)
	if err != nil {
		return answer, fmt.Errorf("the credentials for %s cannot be read: %w", s.repository, err)
	}
	answer, err = question(client)
	if err != nil {
		return answer, s.readable(err)
	}
	return answer, nil
}

// readable makes sentences of the errors that users can do something about.
func (s *source) readable(err error) error {
	if ended := s.transport.ctx.Err(); ended != nil {
		return ended
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(s.repository, "oci://"), "/")
	status := int(s.transport.status.Load())
	var network *net.OpError
	var unknown *net.DNSError
	switch {
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%s answers without TLS: if that is meant, add --plain-http", host)
	case status == http.StatusBadRequest && s.plain:
		return fmt.Errorf("%s takes no requests without TLS, it seems (%d): leave out --plain-http", host, status)
	case errors.Is(err, errLate):
		return fmt.Errorf("%s takes the connection, and does not answer in %s", host, answerTime)
	case errors.As(err, &unknown):
		return fmt.Errorf("there is no host %s: %w", host, unknown)
	case errors.As(err, &network):
		return fmt.Errorf("%s does not answer: %w", host, network.Err)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("%s lets nobody read it with the credentials that are there, or without any (%d): run `helm registry login %s`", s.repository, status, host)
	case status == http.StatusNotFound:
		return fmt.Errorf("%s has no such chart, or not in that version (%d)", s.repository, status)
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
		return fmt.Errorf("%s cannot answer now (%d %s): try again", host, status, http.StatusText(status))
	}
	return fmt.Errorf("%s: %w", s.repository, err)
}

// bound ends requests with a context, which Helm's client does not take, and
// keeps the status of the last answer.
type bound struct {
	ctx    context.Context //nolint:containedctx // it lives no longer than the requests
	next   http.RoundTripper
	status atomic.Int32
}

// answerTime is how long a registry may take until it begins to answer.
var answerTime = 30 * time.Second

var errLate = errors.New("no answer in time")

func (b *bound) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(b.ctx, func() { cancel(b.ctx.Err()) })
	end := func() {
		stop()
		cancel(nil)
	}
	b.status.Store(0)
	late := time.AfterFunc(answerTime, func() { cancel(errLate) })
	response, err := b.next.RoundTrip(r.WithContext(ctx))
	late.Stop()
	if err != nil && errors.Is(context.Cause(ctx), errLate) {
		err = errLate
	}
	if err != nil {
		end()
		return nil, err
	}
	b.status.Store(int32(response.StatusCode))
	response.Body = body{response.Body, end}
	return response, nil
}

// A body says when it has been read.
type body struct {
	io.ReadCloser
	end func()
}

func (b body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// A cached chart is a folder with its manifest and its archive. Both are
// checked by their digests when they are read.
type cached struct{ dir, digest string }

const (
	cachedManifest = "manifest.json"
	cachedChart    = "chart.tgz"
)

func (s *Store) cache(digest string) (cached, error) {
	root := s.options.Cache
	if root == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return cached{}, fmt.Errorf("there is no folder for a cache, name one with --chart-cache: %w", err)
		}
		root = filepath.Join(user, "ringplan", "charts")
	}
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || strings.ContainsAny(hex, `/\.`) || len(hex) != 64 {
		return cached{}, fmt.Errorf("%q is no SHA-256 digest", digest)
	}
	return cached{filepath.Join(root, hex), digest}, nil
}

// read returns the archive; [fs.ErrNotExist] if it is not there, or not whole.
func (c cached) read() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, cachedManifest))
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(c.dir, cachedChart))
	if err != nil {
		return nil, err
	}
	var m struct {
		Layers []struct{ MediaType, Digest string }
	}
	if digestOf(text) != c.digest || json.Unmarshal(text, &m) != nil {
		return nil, fs.ErrNotExist // fetched anew
	}
	for _, layer := range m.Layers {
		if layer.Digest == digestOf(data) && (layer.MediaType == registry.ChartLayerMediaType || layer.MediaType == registry.LegacyChartLayerMediaType) {
			return data, nil
		}
	}
	return nil, fs.ErrNotExist
}

func (c cached) write(text, data []byte) error {
	err := os.MkdirAll(c.dir, 0o755)
	for _, f := range []struct {
		name string
		data []byte
	}{{cachedChart, data}, {cachedManifest, text}} {
		if err == nil {
			err = replace(filepath.Join(c.dir, f.name), f.data)
		}
	}
	if err != nil {
		return fmt.Errorf("the cache of charts cannot be written, name another with --chart-cache: %w", err)
	}
	return nil
}

// replace writes a file at once, so that nobody reads a part of it.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path))
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
