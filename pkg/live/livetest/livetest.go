// Package livetest is a stand-in for the API server of a cluster, for tests. It
// knows the few requests that package live makes, and remembers all that came.
package livetest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A Server is one cluster. Its methods may be called while it serves.
type Server struct {
	// URL is the server's address.
	URL string

	mu sync.Mutex
	// kinds holds the resources of each version, by the kind.
	kinds map[string]map[string]string
	// objects holds objects by the path of their list, and their name.
	objects  map[string]map[string]any
	answers  map[string]http.HandlerFunc
	requests []string
}

// pageSize is how many objects the server puts into an answer, whatever it is
// asked for.
const pageSize = 3

// certificate returns the one that all servers of [httptest] show.
var certificate = sync.OnceValue(func() []byte {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	return web.Certificate().Raw
})

// New starts a cluster that ends with the test. It knows Secrets.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{kinds: map[string]map[string]string{}, objects: map[string]map[string]any{}, answers: map[string]http.HandlerFunc{}}
	s.Define("v1", "Secret", "secrets")
	web := httptest.NewUnstartedServer(s)
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	tb.Cleanup(web.Close)
	s.URL = web.URL
	return s
}

// Define makes a namespaced kind known, such as that of a custom resource.
func (s *Server) Define(apiVersion, kind, plural string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds[apiVersion] == nil {
		s.kinds[apiVersion] = map[string]string{}
	}
	s.kinds[apiVersion][kind] = plural
}

// Put adds an object of a known kind, or replaces the one of its name.
func (s *Server) Put(object map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	apiVersion, kind := object["apiVersion"].(string), object["kind"].(string)
	metadata := object["metadata"].(map[string]any)
	list := fmt.Sprintf("%s/namespaces/%s/%s", apiPath(apiVersion), metadata["namespace"], s.kinds[apiVersion][kind])
	if s.objects[list] == nil {
		s.objects[list] = map[string]any{}
	}
	s.objects[list][metadata["name"].(string)] = object
}

func apiPath(apiVersion string) string {
	if strings.Contains(apiVersion, "/") {
		return "/apis/" + apiVersion
	}
	return "/api/" + apiVersion
}

// A Release is one revision of a Helm release.
type Release struct {
	Namespace, Name, Status string
	Revision                int
	Chart, Version          string
	Values                  any
	// Data replaces what the Secret holds under release, unless it is nil.
	Data []byte
}

// Secret returns the Secret in which Helm keeps a revision.
func (r Release) Secret() map[string]any {
	data := r.Data
	if data == nil {
		data = Packed(map[string]any{
			"name": r.Name, "namespace": r.Namespace, "version": r.Revision,
			"info":     map[string]any{"status": r.Status},
			"chart":    map[string]any{"metadata": map[string]any{"name": r.Chart, "version": r.Version}},
			"config":   r.Values,
			"manifest": "kind: Secret\nstringData: {key: manifest-canary}",
		})
	}
	return map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
		"metadata": map[string]any{
			"name": fmt.Sprintf("sh.helm.release.v1.%s.v%d", r.Name, r.Revision), "namespace": r.Namespace,
			"labels": map[string]any{"owner": "helm", "name": r.Name, "status": r.Status, "version": strconv.Itoa(r.Revision)},
		},
		"data": map[string]any{"release": base64.StdEncoding.EncodeToString(data)},
	}
}

// Packed returns a record as Helm packs it: JSON, gzip, base64.
func Packed(record any) []byte {
	text, err := json.Marshal(record)
	if err != nil {
		panic(err)
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text)
	_ = w.Close()
	return []byte(base64.StdEncoding.EncodeToString(b.Bytes()))
}

// Answer answers requests whose path starts with prefix by a handler.
func (s *Server) Answer(prefix string, handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[prefix] = handler
}

// Refuse answers such requests with a code, as an API server does. Its message
// is a canary.
func (s *Server) Refuse(prefix string, code int, reason string) {
	s.Answer(prefix, func(w http.ResponseWriter, _ *http.Request) { refuse(w, code, reason) })
}

// Hang answers such requests when they are given up, or the test ends.
func (s *Server) Hang(tb testing.TB, prefix string) {
	end := make(chan struct{})
	tb.Cleanup(func() { close(end) })
	s.Answer(prefix, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-end:
		}
	})
}

// Requests lists the requests that came: method, path, and for a list what was
// asked of each object.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	what := r.Method + " " + r.URL.Path
	metadataOnly := strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList")
	if metadataOnly {
		what += " (metadata)"
	}
	s.requests = append(s.requests, what)
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		s.mu.Unlock()
		refuse(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	var handler http.HandlerFunc
	longest := -1
	for prefix, h := range s.answers {
		if strings.HasPrefix(r.URL.Path, prefix) && len(prefix) > longest {
			handler, longest = h, len(prefix)
		}
	}
	s.mu.Unlock()
	if handler != nil {
		handler(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for apiVersion, kinds := range s.kinds {
		base := apiPath(apiVersion)
		if r.URL.Path == base {
			writeJSON(w, http.StatusOK, resources(apiVersion, kinds))
			return
		}
		rest, ok := strings.CutPrefix(r.URL.Path, base+"/namespaces/")
		if parts := strings.Split(rest, "/"); ok && len(parts) >= 2 {
			for kind, plural := range kinds {
				if parts[1] != plural {
					continue
				}
				list := s.objects[base+"/namespaces/"+parts[0]+"/"+plural]
				if len(parts) == 3 {
					one(w, list[parts[2]])
				} else {
					page(w, r, apiVersion, kind, list, metadataOnly)
				}
				return
			}
		}
	}
	refuse(w, http.StatusNotFound, "NotFound")
}

func resources(apiVersion string, kinds map[string]string) any {
	var list []any
	for kind, plural := range kinds {
		list = append(list,
			map[string]any{"name": plural, "kind": kind, "namespaced": true, "verbs": []string{"get", "list"}},
			map[string]any{"name": plural + "/status", "kind": kind, "namespaced": true, "verbs": []string{"get"}})
	}
	return map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": apiVersion, "resources": list}
}

func one(w http.ResponseWriter, object any) {
	if object == nil {
		refuse(w, http.StatusNotFound, "NotFound")
		return
	}
	writeJSON(w, http.StatusOK, object)
}

// page writes a page of a list. A continue token is where the next one starts.
func page(w http.ResponseWriter, r *http.Request, apiVersion, kind string, objects map[string]any, metadataOnly bool) {
	var names []string
	for name, object := range objects {
		labels, _ := object.(map[string]any)["metadata"].(map[string]any)["labels"].(map[string]any)
		if key, value, ok := strings.Cut(r.URL.Query().Get("labelSelector"), "="); !ok || labels[key] == value {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	slices.Reverse(names) // nobody promises an order
	start, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	end := min(len(names), start+pageSize)
	items := []any{}
	for _, name := range names[start:end] {
		object := objects[name].(map[string]any)
		if metadataOnly {
			object = map[string]any{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]}
		}
		items = append(items, object)
	}
	list := map[string]any{"apiVersion": apiVersion, "kind": kind + "List", "metadata": map[string]any{}, "items": items}
	if metadataOnly {
		list["apiVersion"], list["kind"] = "meta.k8s.io/v1", "PartialObjectMetadataList"
	}
	if end < len(names) {
		list["metadata"] = map[string]any{"continue": strconv.Itoa(end)}
	}
	writeJSON(w, http.StatusOK, list)
}

func refuse(w http.ResponseWriter, code int, reason string) {
	writeJSON(w, code, map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code,
		"message": "message-canary", "details": map[string]any{},
	})
}

func writeJSON(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(value)
}

// Kubeconfig writes a kubeconfig with a context for each server, by the names
// of the contexts, and returns its path.
func Kubeconfig(tb testing.TB, servers map[string]string) string {
	tb.Helper()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate()})
	var clusters, contexts []any
	for name, server := range servers {
		clusters = append(clusters, map[string]any{"name": name, "cluster": map[string]any{"server": server, "certificate-authority-data": authority}})
		contexts = append(contexts, map[string]any{"name": name, "context": map[string]any{"cluster": name, "user": "reader"}})
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "clusters": clusters, "contexts": contexts,
		"users": []any{map[string]any{"name": "reader", "user": map[string]any{"token": "token-canary"}}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
