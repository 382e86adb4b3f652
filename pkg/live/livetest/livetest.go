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
	runs     Run
	permits  func(Request) bool
	requests []string
	wanted   []Request
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

// New starts a cluster that ends with the test. It knows Secrets and Pods.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{kinds: map[string]map[string]string{}, objects: map[string]map[string]any{}, answers: map[string]http.HandlerFunc{}}
	s.Define("v1", "Secret", "secrets")
	s.Define("v1", "Pod", "pods")
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

// Remove takes an object away.
func (s *Server) Remove(apiVersion, kind, namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects[fmt.Sprintf("%s/namespaces/%s/%s", apiPath(apiVersion), namespace, s.kinds[apiVersion][kind])], name)
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

// Answer answers requests whose path starts with prefix by a handler; without one
// as ever.
func (s *Server) Answer(prefix string, handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers[prefix] = handler; handler == nil {
		delete(s.answers, prefix)
	}
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

// A Run is what happens where a command is run in a pod.
type Run func(c Command) (output string, code int)

// A Command is one that is run in a pod, with what it reads.
type Command struct {
	Namespace, Pod, Container string
	Args                      []string
	Input                     string
}

// Exec lets commands be run. A pod that is not put is not there.
func (s *Server) Exec(run Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs = run
}

// Permit answers with 403 what is not permitted. What is not about resources is.
func (s *Server) Permit(permits func(Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.permits = permits
}

// A Request is what one wants, in the words of RBAC.
type Request struct{ Verb, Group, Resource, Namespace, Name string }

// Wanted lists the requests that came and are about resources.
func (s *Server) Wanted() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wanted)
}

// requestOf reads a request; its resource is "" if it is about none.
func requestOf(r *http.Request) Request {
	q := Request{Verb: map[string]string{http.MethodGet: "get", http.MethodPost: "create"}[r.Method]}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		q.Group, parts = parts[1], parts[3:]
	default:
		return q
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		q.Namespace, parts = parts[1], parts[2:]
	}
	q.Resource = parts[0]
	if len(parts) > 1 {
		q.Name = parts[1]
	}
	if len(parts) > 2 {
		q.Resource += "/" + parts[2]
	}
	if q.Name == "" && q.Verb == "get" {
		q.Verb = "list"
	}
	return q
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
	metadataOnly := strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList")
	q := requestOf(r)
	handler, permits, run := s.note(r, q, metadataOnly)
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "):
		refuse(w, http.StatusUnauthorized, "Unauthorized")
	case handler != nil:
		handler(w, r)
	case permits != nil && q.Resource != "" && !permits(q):
		refuse(w, http.StatusForbidden, "Forbidden")
	case q.Resource == "pods/exec":
		s.exec(w, r, q, run)
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.kind(w, r, q, metadataOnly) {
			refuse(w, http.StatusNotFound, "NotFound")
		}
	}
}

// note remembers a request, and returns what answers it, if that is not the
// server itself, what is permitted, and what runs in pods.
func (s *Server) note(r *http.Request, q Request, metadataOnly bool) (http.HandlerFunc, func(Request) bool, Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what := r.Method + " " + r.URL.Path
	if metadataOnly {
		what += " (metadata)"
	}
	s.requests = append(s.requests, what)
	if q.Resource != "" {
		s.wanted = append(s.wanted, q)
	}
	var handler http.HandlerFunc
	longest := -1
	for prefix, h := range s.answers {
		if strings.HasPrefix(r.URL.Path, prefix) && len(prefix) > longest {
			handler, longest = h, len(prefix)
		}
	}
	return handler, s.permits, s.runs
}

// kind answers what is asked of a version or of a known kind, and reports
// whether that was so.
func (s *Server) kind(w http.ResponseWriter, r *http.Request, q Request, metadataOnly bool) bool {
	for apiVersion, kinds := range s.kinds {
		base := apiPath(apiVersion)
		if r.URL.Path == base {
			writeJSON(w, http.StatusOK, resources(apiVersion, kinds))
			return true
		}
		for kind, plural := range kinds {
			list := base + "/namespaces/" + q.Namespace + "/" + plural
			switch r.URL.Path {
			case base + "/" + plural:
				page(w, r, apiVersion, kind, s.everywhere(base, plural), metadataOnly)
			case list:
				page(w, r, apiVersion, kind, s.objects[list], metadataOnly)
			case list + "/" + q.Name:
				one(w, s.objects[list][q.Name])
			default:
				continue
			}
			return true
		}
	}
	return false
}

// everywhere returns the objects of a resource in all namespaces.
func (s *Server) everywhere(base, plural string) map[string]any {
	all := map[string]any{}
	for list, objects := range s.objects {
		if strings.HasPrefix(list, base+"/namespaces/") && strings.HasSuffix(list, "/"+plural) {
			for name, object := range objects {
				all[list+name] = object
			}
		}
	}
	return all
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
