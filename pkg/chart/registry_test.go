package chart

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/registry"

	"github.com/ringplan/ringplan/pkg/release"
)

// registryConfig is the configuration of a registry that keeps its blobs in a
// folder.
const registryConfig = `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}
http: {addr: %s}
`

// readers lets in the user "reader" with the password "secret".
const readers = "reader:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n"

// serve starts a registry that ends with the test, and returns its host. It lets
// in anybody, or the users of a list.
func serve(t *testing.T, users string) string {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("there is no docker-registry on the PATH, which the package of that name has on Debian")
	}
	host := freeHost(t)
	dir := t.TempDir()
	config := fmt.Sprintf(registryConfig, filepath.Join(dir, "blobs"), host)
	if users != "" {
		files{"htpasswd": users}.write(t, dir)
		config += "auth: {htpasswd: {realm: charts, path: " + filepath.Join(dir, "htpasswd") + "}}\n"
	}
	files{"config.yml": config}.write(t, dir)
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "serve", filepath.Join(dir, "config.yml"))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was killed
	})
	for range 200 {
		if response, err := http.Get("http://" + host + "/v2/"); err == nil {
			response.Body.Close()
			http.DefaultClient.CloseIdleConnections()
			return host
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	_ = cmd.Wait()
	t.Fatalf("the registry does not answer: %s", said.String())
	return ""
}

// freeHost returns an address of this machine that nobody listens at.
func freeHost(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// isolate keeps the credentials and caches of the user out of a test.
func isolate(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("HELM_CONFIG_HOME", filepath.Join(dir, "helm"))
	t.Setenv("HELM_REGISTRY_CONFIG", "")
	t.Setenv("DOCKER_CONFIG", filepath.Join(dir, "docker"))
}

// push pushes a chart, and returns the digest of its manifest.
func push(t *testing.T, host string, chart []byte, version string, options ...registry.ClientOption) string {
	t.Helper()
	client, err := registry.NewClient(append(options, registry.ClientOptPlainHTTP())...)
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := client.Push(chart, host+"/charts/shop:"+version)
	if err != nil {
		t.Fatal(err)
	}
	return pushed.Manifest.Digest
}

// A fetcher loads the chart with options, and a store of its own each time.
type fetcher struct {
	host    string
	options release.Options
}

func (f fetcher) load(pin release.Pin) release.Loaded {
	from := release.Source{Repository: "oci://" + f.host + "/charts"}
	return Open(f.options).Load(context.Background(), "", from, []release.Pin{pin})[0]
}

// wants loads a chart and tells whether it fails with a text, or not at all.
func (f fetcher) wants(t *testing.T, what string, pin release.Pin, want string) release.Loaded {
	t.Helper()
	loaded := f.load(pin)
	switch {
	case want == "" && loaded.Err != nil:
		t.Errorf("%s: %v", what, loaded.Err)
	case want != "" && (loaded.Err == nil || !strings.Contains(loaded.Err.Error(), want)):
		t.Errorf("%s: %v, want %q", what, loaded.Err, want)
	case want != "" && !strings.HasPrefix(loaded.Err.Error(), "chart "):
		t.Errorf("%s: %v names no chart", what, loaded.Err)
	}
	return loaded
}

// TestRegistry fetches charts from a registry, and from the cache.
func TestRegistry(t *testing.T) {
	isolate(t)
	host := serve(t, "")
	one := shop("1.0.0", nil)
	digest := push(t, host, one.pack(t, t.TempDir()), "1.0.0")
	cache := t.TempDir()
	online := fetcher{host, release.Options{Cache: cache, PlainHTTP: true}}
	offline := fetcher{host, release.Options{Cache: cache, PlainHTTP: true, Offline: true}}

	offline.wants(t, "offline, not pinned", pinned("1.0.0"), "it is not pinned, and --offline forbids to ask oci://"+host+"/charts: run `ringplan charts lock` first")
	first := online.wants(t, "by its tag", pinned("1.0.0"), "")
	if first.Pin.Digest != digest || first.Pin.Content != loadContent(t, one) || first.Pin.Repository != "oci://"+host+"/charts" {
		t.Fatalf("%+v: want digest %s", first.Pin, digest)
	}
	pin := first.Pin
	rendered := first.Render(release.Release{Name: "a"}, release.Cluster{})
	if len(rendered.Objects) != 1 || rendered.Objects[0].String() != "ConfigMap/a-shop" {
		t.Errorf("%+v", rendered)
	}
	for what, f := range map[string]fetcher{
		"by its digest":       {host, release.Options{Cache: t.TempDir(), PlainHTTP: true}},
		"from the cache":      online,
		"offline":             offline,
		"in the user's cache": {host, release.Options{PlainHTTP: true}},
	} {
		if got := f.wants(t, what, pin, ""); got.Pin != pin {
			t.Errorf("%s: %+v, want %+v", what, got.Pin, pin)
		}
	}
	fetcher{host, release.Options{Cache: t.TempDir(), Offline: true}}.wants(t, "offline, not in the cache", pin, "--offline forbids to fetch it")

	wrong := pin
	wrong.Version = "1.0.1"
	online.wants(t, "another version", wrong, "holds chart shop 1.0.0")
	online.wants(t, "an unknown version", pinned("9.9.9"), "oci://"+host+"/charts has no such chart, or not in that version (404)")
	online.wants(t, "an unknown chart", release.Pin{Name: "store", Version: "1.0.0"}, "has no such chart, or not in that version (404)")
	wrong = pin
	wrong.Digest = "sha256:" + strings.Repeat("0", 64)
	online.wants(t, "an unknown digest", wrong, "has no such chart, or not in that version (404)")
	wrong.Digest = "sha256:../../x"
	online.wants(t, "no digest", wrong, "is no SHA-256 digest")
	fetcher{host, release.Options{Cache: cache}}.wants(t, "with TLS", pinned("1.0.0"), host+" answers without TLS: if that is meant, add --plain-http")
	fetcher{freeHost(t), online.options}.wants(t, "a registry that is down", pinned("1.0.0"), "does not answer: ")
	fetcher{"nowhere.invalid", online.options}.wants(t, "a host that is not there", pinned("1.0.0"), "nowhere.invalid")

	plus := "1.0.0+build.5"
	push(t, host, shop(plus, nil).pack(t, t.TempDir()), plus)
	if got := online.wants(t, "a version with a plus", pinned(plus), ""); got.Pin.Version != plus {
		t.Errorf("%+v", got.Pin)
	}

	// The tag moves to other bytes.
	moved := push(t, host, shop("1.0.0", files{"values.yaml": "replicas: 2\n"}).pack(t, t.TempDir()), "1.0.0")
	if got := online.wants(t, "a moved tag, not pinned", pinned("1.0.0"), ""); got.Pin.Digest != moved || got.Pin.Content == pin.Content {
		t.Errorf("%+v", got.Pin)
	}
	if got := online.wants(t, "a moved tag, pinned", pin, ""); got.Pin != pin {
		t.Errorf("%+v is not what is pinned", got.Pin)
	}
	var refused *release.MovedError
	byContent, byDigest := pin, pin
	byContent.Digest = ""
	byDigest.Digest = moved
	for what, p := range map[string]release.Pin{"a moved tag, pinned by content": byContent, "a moved digest, pinned by content": byDigest} {
		if got := online.wants(t, what, p, "has other bytes than were locked"); !errors.As(got.Err, &refused) || refused.Want != p || refused.Got.Digest != moved {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func loadContent(t *testing.T, f files) string {
	t.Helper()
	c, err := unpack(f.pack(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	return contentDigest(c)
}

// TestCorruptCache breaks what the cache keeps: it is fetched anew.
func TestCorruptCache(t *testing.T) {
	isolate(t)
	host := serve(t, "")
	push(t, host, shop("1.0.0", nil).pack(t, t.TempDir()), "1.0.0")
	other := shop("1.0.0", files{"values.yaml": "replicas: 2\n"}).pack(t, t.TempDir())
	cache := t.TempDir()
	online := fetcher{host, release.Options{Cache: cache, PlainHTTP: true}}
	offline := fetcher{host, release.Options{Cache: cache, Offline: true}}
	pin := online.wants(t, "first", pinned("1.0.0"), "").Pin
	at := filepath.Join(cache, strings.TrimPrefix(pin.Digest, "sha256:"))
	for what, spoil := range map[string]func() error{
		"another chart":  func() error { return os.WriteFile(filepath.Join(at, cachedChart), other, 0o644) },
		"an empty chart": func() error { return os.WriteFile(filepath.Join(at, cachedChart), nil, 0o644) },
		"no chart":       func() error { return os.Remove(filepath.Join(at, cachedChart)) },
		"a manifest for another": func() error {
			m := `{"layers": [{"mediaType": "` + registry.ChartLayerMediaType + `", "digest": "` + digestOf(other) + `"}]}`
			return errors.Join(os.WriteFile(filepath.Join(at, cachedManifest), []byte(m), 0o644), os.WriteFile(filepath.Join(at, cachedChart), other, 0o644))
		},
		"no manifest":         func() error { return os.Remove(filepath.Join(at, cachedManifest)) },
		"manifest is garbage": func() error { return os.WriteFile(filepath.Join(at, cachedManifest), []byte("x"), 0o644) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		offline.wants(t, what+", offline", pin, "--offline forbids to fetch it")
		if got := online.wants(t, what, pin, ""); got.Pin != pin {
			t.Errorf("%s: %+v", what, got.Pin)
		}
		offline.wants(t, what+", mended, offline", pin, "")
	}
	left, err := filepath.Glob(filepath.Join(at, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("files are left over: %q, %v", left, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	fetcher{host, release.Options{Cache: file, PlainHTTP: true}}.wants(t, "a cache that is a file", pin, "--chart-cache")
}

// TestCredentials reads a registry that lets in its users only.
func TestCredentials(t *testing.T) {
	isolate(t)
	host := serve(t, readers)
	push(t, host, shop("1.0.0", nil).pack(t, t.TempDir()), "1.0.0", registry.ClientOptBasicAuth("reader", "secret"))
	config := func(password string) string {
		return `{"auths": {"` + host + `": {"auth": "` + base64.StdEncoding.EncodeToString([]byte("reader:"+password)) + `"}}}`
	}
	f := fetcher{host, release.Options{PlainHTTP: true}}
	refused := "run `helm registry login " + host + "`"
	load := func(t *testing.T, want string) {
		t.Helper()
		f.options.Cache = t.TempDir()
		if got := f.wants(t, t.Name(), pinned("1.0.0"), want); got.Err != nil && (strings.Contains(got.Err.Error(), "secret") || strings.Contains(got.Err.Error(), "wrong")) {
			t.Errorf("%v tells the password", got.Err)
		}
	}
	t.Run("none", func(t *testing.T) { load(t, refused) })
	for name, put := range map[string]func(t *testing.T, text string){
		"of Helm": func(t *testing.T, text string) {
			t.Setenv("HELM_REGISTRY_CONFIG", filepath.Join(files{"config.json": text}.write(t, t.TempDir()), "config.json"))
		},
		"of Helm, in its place": func(t *testing.T, text string) {
			t.Setenv("HELM_CONFIG_HOME", files{"registry/config.json": text}.write(t, t.TempDir()))
		},
		"of Docker": func(t *testing.T, text string) {
			t.Setenv("DOCKER_CONFIG", files{"config.json": text}.write(t, t.TempDir()))
		},
	} {
		t.Run(name, func(t *testing.T) { put(t, config("secret")); load(t, "") })
		t.Run(name+", wrong", func(t *testing.T) { put(t, config("wrong")); load(t, refused) })
	}
	t.Run("of Helm, broken", func(t *testing.T) {
		t.Setenv("HELM_REGISTRY_CONFIG", filepath.Join(files{"config.json": "{"}.write(t, t.TempDir()), "config.json"))
		load(t, "the credentials for oci://"+host+"/charts cannot be read")
	})
}

// TestCancelled ends fetching before it starts, and in the middle.
func TestCancelled(t *testing.T) {
	isolate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	released := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		select {
		case <-r.Context().Done():
		case <-released:
		case <-time.After(20 * time.Second): // a client that does not end
		}
	})}
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()
	before := runtime.NumGoroutine()

	s := Open(release.Options{Cache: t.TempDir(), PlainHTTP: true})
	from := release.Source{Repository: "oci://" + listener.Addr().String() + "/charts"}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-asked
		cancel()
	}()
	start := time.Now()
	loaded := s.Load(ctx, "", from, []release.Pin{pinned("1.0.0"), pinned("2.0.0")})
	for _, l := range loaded {
		if !errors.Is(l.Err, context.Canceled) {
			t.Errorf("a cancelled fetch: %v", l.Err)
		}
	}
	loaded = s.Load(ctx, "", from, []release.Pin{pinned("3.0.0")})
	if !errors.Is(loaded[0].Err, context.Canceled) {
		t.Errorf("a fetch that was cancelled before: %v", loaded[0].Err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v to end", took)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if now := runtime.NumGoroutine(); now > before {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines, and %d before\n%s", now, before, stacks[:runtime.Stack(stacks, true)])
	}

	// What was cancelled is asked anew.
	again, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer stop()
	if err := s.Load(again, "", from, []release.Pin{pinned("1.0.0")})[0].Err; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a fetch after one that was cancelled: %v", err)
	}
	close(released)
	server.Close()
	<-served
}

// TestNothingLeft leaves no connection open after a fetch.
func TestNothingLeft(t *testing.T) {
	isolate(t)
	host := serve(t, "")
	push(t, host, shop("1.0.0", nil).pack(t, t.TempDir()), "1.0.0")
	before := runtime.NumGoroutine()
	fetcher{host, release.Options{Cache: t.TempDir(), PlainHTTP: true}}.wants(t, "a fetch", pinned("1.0.0"), "")
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d goroutines, and %d before", runtime.NumGoroutine(), before)
}

// TestWithTLS asks a registry with TLS without, and one that nobody trusts.
func TestWithTLS(t *testing.T) {
	isolate(t)
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	host := server.Listener.Addr().String()
	fetcher{host, release.Options{Cache: t.TempDir(), PlainHTTP: true}}.wants(t, "without TLS", pinned("1.0.0"), host+" takes no requests without TLS, it seems (400): leave out --plain-http")
	fetcher{host, release.Options{Cache: t.TempDir()}}.wants(t, "not trusted", pinned("1.0.0"), "certificate")
}

// TestAnswers makes sentences of what a registry may answer.
func TestAnswers(t *testing.T) {
	isolate(t)
	for status, want := range map[int]string{
		http.StatusUnauthorized: "run `helm registry login ",
		http.StatusForbidden:    "run `helm registry login ",
		http.StatusNotFound:     "has no such chart, or not in that version (404)",
		http.StatusTeapot:       "418",
	} {
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go server.Serve(listener)
		f := fetcher{listener.Addr().String(), release.Options{Cache: t.TempDir(), PlainHTTP: true}}
		f.wants(t, http.StatusText(status), pinned("1.0.0"), want)
		server.Close()
	}
}

// TestSilentRegistry gives up on one that takes a connection and says nothing.
func TestSilentRegistry(t *testing.T) {
	was := answerTime
	answerTime = 50 * time.Millisecond
	t.Cleanup(func() { answerTime = was })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	store := Open(release.Options{Cache: t.TempDir(), PlainHTTP: true})
	host := listener.Addr().String()
	loaded := store.Load(t.Context(), "", release.Source{Repository: "oci://" + host + "/charts"}, []release.Pin{{Name: "a", Version: "1.0.0"}})
	if err := loaded[0].Err; err == nil || !strings.Contains(err.Error(), host+" takes the connection, and does not answer in 50ms") {
		t.Errorf("got %v", err)
	}
}
