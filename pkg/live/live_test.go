package live_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"

	"github.com/ringplan/ringplan/pkg/live"
	"github.com/ringplan/ringplan/pkg/live/livetest"
)

const (
	apigee = "apigee.cloud.google.com/v1alpha1"
	ample  = 20 * time.Second // a limit that no test reaches
)

var (
	replications = live.Kind{APIVersion: apigee, Kind: "CassandraDataReplication", Namespace: "apigee"}
	replication  = live.ObjectName{Kind: replications, Name: "expand-b"}
	datastore    = live.ReleaseName{Namespace: "apigee", Name: "datastore"}
	redis        = live.ReleaseName{Namespace: "apigee", Name: "redis"}
)

// newCluster starts a cluster with the definition of the replication.
func newCluster(t *testing.T) *livetest.Server {
	s := livetest.New(t)
	s.Define(apigee, "CassandraDataReplication", "cassandradatareplications")
	return s
}

// revision is one of the release datastore.
func revision(number int, status string, values any) livetest.Release {
	return livetest.Release{Namespace: "apigee", Name: "datastore", Revision: number, Status: status, Chart: "apigee-datastore", Version: fmt.Sprintf("1.16.%d", number), Values: values}
}

func open(t *testing.T, servers map[string]string) *live.Kubeconfig {
	t.Helper()
	config, err := live.Open(livetest.Kubeconfig(t, servers))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// ask reads one cluster, and returns its errors apart, checked for canaries.
func ask(t *testing.T, s *livetest.Server, q live.Query, timeout time.Duration) (live.Answer, []string) {
	t.Helper()
	q.Context = "one"
	answers, err := open(t, map[string]string{"one": s.URL}).Read(t.Context(), timeout, []live.Query{q})
	if err != nil {
		t.Fatal(err)
	}
	return answers[0], texts(t, s.URL, answers[0].Errs)
}

func texts(t *testing.T, server string, errs []error) []string {
	t.Helper()
	var out []string
	for _, err := range errs {
		text := fmt.Sprintf("%v %+v %#v", err, err, err)
		if strings.Contains(text, "canary") {
			t.Errorf("an error shows what it must not: %s", text)
		}
		out = append(out, strings.NewReplacer(strings.TrimPrefix(server, "https://"), "SERVER").Replace(err.Error()))
	}
	return out
}

// TestReleases reads the newest deployed revision among others, of two pages of
// records, and each only once.
func TestReleases(t *testing.T) {
	s := newCluster(t)
	for _, r := range []livetest.Release{
		revision(1, "superseded", map[string]any{"a": 1}), revision(2, "deployed", map[string]any{"a": 2}),
		revision(10, "failed", map[string]any{"a": 10}), revision(9, "deployed", map[string]any{"a": 9, "b": nil}),
		{Namespace: "apigee", Name: "redis", Revision: 1, Status: "uninstalled", Chart: "apigee-redis", Version: "1"},
		{Namespace: "other", Name: "telemetry", Revision: 1, Status: "deployed", Chart: "x", Version: "1"},
	} {
		s.Put(r.Secret())
	}
	odd := revision(77, "deployed", nil).Secret()
	odd["metadata"].(map[string]any)["labels"] = map[string]any{"owner": "helm", "name": "datastore", "status": "deployed", "version": "no number"}
	s.Put(odd)

	telemetry := live.ReleaseName{Namespace: "apigee", Name: "telemetry"}
	a, errs := ask(t, s, live.Query{Releases: []live.ReleaseName{datastore, redis, telemetry}}, ample)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := map[live.ReleaseName]*live.Release{
		datastore: {
			Newest: live.Revision{Number: 10, Status: "failed"},
			Deployed: &live.Deployed{
				Revision: live.Revision{Number: 9, Status: "deployed"},
				Chart:    "apigee-datastore", Version: "1.16.9", Values: json.RawMessage(`{"a":9,"b":null}`),
			},
		},
		redis:     nil,
		telemetry: nil,
	}
	if diff := cmp.Diff(want, a.Releases); diff != "" {
		t.Error(diff)
	}
	list := "GET /api/v1/namespaces/apigee/secrets (metadata)"
	if diff := cmp.Diff([]string{list, list, "GET /api/v1/namespaces/apigee/secrets/sh.helm.release.v1.datastore.v9"}, s.Requests()); diff != "" {
		t.Error(diff)
	}
}

// TestHelmsOwnRecord reads what Helm's own types make.
func TestHelmsOwnRecord(t *testing.T) {
	s := newCluster(t)
	r := revision(1, "deployed", nil)
	r.Data = livetest.Packed(&release.Release{
		Name: "datastore", Namespace: "apigee", Version: 1, Info: &release.Info{Status: release.StatusDeployed},
		Chart:  &chart.Chart{Metadata: &chart.Metadata{Name: "apigee-datastore", Version: "1.16.0"}, Values: map[string]any{"default": true}},
		Config: map[string]any{"cassandra": map[string]any{"replicaCount": 3}},
	})
	s.Put(r.Secret())
	a, errs := ask(t, s, live.Query{Releases: []live.ReleaseName{datastore}}, ample)
	want := &live.Deployed{Revision: live.Revision{Number: 1, Status: "deployed"}, Chart: "apigee-datastore", Version: "1.16.0", Values: json.RawMessage(`{"cassandra":{"replicaCount":3}}`)}
	if len(errs) > 0 || a.Releases[datastore] == nil {
		t.Fatal(errs, a.Releases)
	}
	if diff := cmp.Diff(want, a.Releases[datastore].Deployed); diff != "" {
		t.Error(diff)
	}
}

// TestObjects gets one object and lists a kind; another kind is not known.
func TestObjects(t *testing.T) {
	s := newCluster(t)
	for _, name := range []string{"d", "b", "c", "a"} {
		s.Put(map[string]any{"apiVersion": apigee, "kind": "CassandraDataReplication", "metadata": map[string]any{"name": "expand-" + name, "namespace": "apigee"}, "spec": map[string]any{"force": name == "b", "n": 7}})
	}
	absent := live.ObjectName{Kind: replications, Name: "expand-x"}
	routes := live.Kind{APIVersion: apigee, Kind: "ApigeeRoute", Namespace: "apigee"}
	alien := live.Kind{APIVersion: "example.com/v1", Kind: "Thing", Namespace: "apigee"}
	route := live.ObjectName{Kind: routes, Name: "r"}
	a, errs := ask(t, s, live.Query{Objects: []live.ObjectName{replication, absent, route}, Kinds: []live.Kind{replications, alien}}, ample)
	if spec := a.Objects[replication]["spec"]; !cmp.Equal(spec, map[string]any{"force": true, "n": int64(7)}) {
		t.Errorf("spec = %#v", spec)
	}
	for _, name := range []live.ObjectName{absent, route} {
		if object, known := a.Objects[name]; !known || object != nil {
			t.Errorf("%v = %v, known %t: want it known not to be there", name, object, known)
		}
	}
	var names []string
	for _, object := range a.Kinds[replications] {
		names = append(names, object["metadata"].(map[string]any)["name"].(string))
	}
	if want := []string{"expand-a", "expand-b", "expand-c", "expand-d"}; !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
	if objects, known := a.Kinds[alien]; !known || len(objects) > 0 {
		t.Errorf("a kind that is not known has %v, known %t", objects, known)
	}
	if len(a.Errs) != 1 || !errors.Is(a.Errs[0], live.ErrNoKind) {
		t.Errorf("errors %q, want one of a kind that is not known", errs)
	}
	for _, request := range s.Requests() {
		if !strings.HasPrefix(request, "GET ") {
			t.Errorf("%s: only gets and lists are allowed", request)
		}
	}
}

// everything asks for a bit of all.
var everything = live.Query{Releases: []live.ReleaseName{datastore}, Objects: []live.ObjectName{replication}, Kinds: []live.Kind{replications}}

// TestErrors has a row for each thing that can go wrong, with all that is said.
func TestErrors(t *testing.T) {
	const (
		secrets = "/api/v1/namespaces/apigee/secrets"
		objects = "/apis/" + apigee + "/namespaces/apigee/cassandradatareplications"
		one     = "context one (SERVER): "
	)
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, text)
		}
	}
	record := func(data string) func(*livetest.Server) {
		return func(s *livetest.Server) {
			r := revision(3, "deployed", nil)
			r.Data = []byte(data)
			s.Put(r.Secret())
		}
	}
	unreadable := func(why string) []string {
		return []string{one + "Secret apigee/sh.helm.release.v1.datastore.v3 is no record of a Helm release that can be read: " + why + ": `helm --kube-context one -n apigee status datastore` tells whether Helm can"}
	}
	for name, c := range map[string]struct {
		prepare func(*livetest.Server)
		want    []string
	}{
		"secrets forbidden": {
			func(s *livetest.Server) { s.Refuse(secrets, 403, "Forbidden") },
			[]string{one + "forbidden to list secrets in namespace apigee: let the user of the context list secrets there; `kubectl --context one auth can-i list secrets -n apigee` tells whether it may"},
		},
		"a secret forbidden": {
			func(s *livetest.Server) {
				s.Put(revision(3, "deployed", nil).Secret())
				s.Refuse(secrets+"/", 403, "Forbidden")
			},
			[]string{one + "forbidden to get secrets sh.helm.release.v1.datastore.v3 in namespace apigee: let the user of the context get secrets there; `kubectl --context one auth can-i get secrets -n apigee` tells whether it may"},
		},
		"objects forbidden": {
			func(s *livetest.Server) { s.Refuse(objects, 403, "Forbidden") },
			[]string{
				one + "forbidden to get cassandradatareplications.apigee.cloud.google.com expand-b in namespace apigee: let the user of the context get cassandradatareplications.apigee.cloud.google.com there; `kubectl --context one auth can-i get cassandradatareplications.apigee.cloud.google.com -n apigee` tells whether it may",
				one + "forbidden to list cassandradatareplications.apigee.cloud.google.com in namespace apigee: let the user of the context list cassandradatareplications.apigee.cloud.google.com there; `kubectl --context one auth can-i list cassandradatareplications.apigee.cloud.google.com -n apigee` tells whether it may",
			},
		},
		"no definition": {
			func(s *livetest.Server) { s.Refuse("/apis/"+apigee, 404, "NotFound") },
			[]string{one + "the cluster does not know the kind CassandraDataReplication of apigee.cloud.google.com/v1alpha1: install its definition first"},
		},
		"credentials refused": {
			func(s *livetest.Server) { s.Refuse("/", 401, "Unauthorized") },
			[]string{one + "the cluster does not accept the credentials of the context: log in again, or see that they have not expired"},
		},
		"server broken": {
			func(s *livetest.Server) { s.Refuse(secrets, 500, "InternalError") },
			[]string{one + "cannot list secrets in namespace apigee: the server answered with code 500: try again, and look at the health of its API server if it stays so"},
		},
		"an answer of no kind": {
			func(s *livetest.Server) { s.Answer(secrets, body(`{"data": {"password": "canary"}}`)) },
			[]string{one + "cannot list secrets in namespace apigee: the answer is none of a Kubernetes API server: see that the address in the kubeconfig is right"},
		},
		"a page of another server": {
			func(s *livetest.Server) { s.Answer("/apis", body(`<html>canary</html>`)) },
			slices.Repeat([]string{one + "cannot get /apis/apigee.cloud.google.com/v1alpha1: the answer is none of a Kubernetes API server: see that the address in the kubeconfig is right"}, 2),
		},
		"no base64":     {record("canary!!"), unreadable("its text is no base64")},
		"no gzip":       {record(base64.StdEncoding.EncodeToString([]byte("\x1f\x8b\x08canary"))), unreadable("its text cannot be unpacked")},
		"no JSON":       {record(base64.StdEncoding.EncodeToString([]byte("canary"))), unreadable("it holds no JSON of a release")},
		"no object":     {record(string(livetest.Packed([]string{"canary"}))), unreadable("it holds no JSON of a release")},
		"empty":         {record(""), unreadable("it has no key release")},
		"another":       {record(string(livetest.Packed(map[string]any{"name": "canary", "namespace": "apigee"}))), unreadable("it is of another release than its labels say")},
		"no chart":      {record(string(livetest.Packed(map[string]any{"name": "datastore", "namespace": "apigee"}))), unreadable("it does not name its chart")},
		"values a list": {record(string(livetest.Packed(map[string]any{"name": "datastore", "namespace": "apigee", "config": []string{"canary"}, "chart": map[string]any{"metadata": map[string]any{"name": "c"}}}))), unreadable("it holds no JSON of a release")},
		"huge":          {record(string(livetest.Packed(strings.Repeat("canary", 11<<20)))), unreadable("it unpacks to more than 64 MiB")},
		"a record gone": {
			func(s *livetest.Server) {
				s.Put(revision(3, "deployed", nil).Secret())
				s.Refuse(secrets+"/", 404, "NotFound")
			},
			[]string{one + "the record of release apigee/datastore, Secret sh.helm.release.v1.datastore.v3, has gone while it was read: try again"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCluster(t)
			c.prepare(s)
			a, errs := ask(t, s, everything, ample)
			if diff := cmp.Diff(c.want, errs); diff != "" {
				t.Error(diff)
			}
			_, known := a.Releases[datastore]
			if failed := strings.Contains(strings.ToLower(c.want[0]), "secret"); known == failed && len(a.Objects) > 0 {
				t.Errorf("the release counts as read: %t", known)
			}
		})
	}
}

// TestPartial shows that what cannot be read does not hide the rest.
func TestPartial(t *testing.T) {
	s := newCluster(t)
	s.Put(revision(3, "deployed", nil).Secret())
	s.Refuse("/apis/"+apigee+"/namespaces/apigee", 403, "Forbidden")
	a, errs := ask(t, s, everything, ample)
	if len(errs) != 2 || a.Releases[datastore] == nil {
		t.Errorf("errors %q, releases %v", errs, a.Releases)
	}
	if _, known := a.Objects[replication]; known {
		t.Error("an object that could not be read counts as not there")
	}
	if _, known := a.Kinds[replications]; known {
		t.Error("a kind that could not be read counts as empty")
	}

	s = newCluster(t)
	s.Refuse("/api/v1", 403, "Forbidden")
	if a, _ = ask(t, s, everything, ample); len(a.Releases) > 0 {
		t.Error("releases that could not be read count as not there")
	}
	if _, known := a.Objects[replication]; !known {
		t.Error("the object was not read")
	}
}

// TestUnreachable lists what a network or certificate says.
func TestUnreachable(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	other := newCluster(t)
	config := open(t, map[string]string{
		"closed": closed.URL, "other": strings.Replace(other.URL, "127.0.0.1", "localhost", 1), "plain": strings.Replace(plain.URL, "http:", "https:", 1),
		"name": "https://user:canary@no-such..host", "odd": "https://[canary",
	})
	for context, want := range map[string]string{
		"closed": "connect: connection refused",
		"other":  "certificate is valid for",
		"plain":  "server gave HTTP response to HTTPS client",
		"name":   "(no-such..host): the cluster cannot be reached: lookup no-such..host: no such host",
		"odd":    "cannot be used: `kubectl --context odd version` says why",
	} {
		answers, err := config.Read(t.Context(), ample, []live.Query{{Context: context, Releases: []live.ReleaseName{datastore}}})
		if err != nil {
			t.Fatal(err)
		}
		if errs := texts(t, "SERVER", answers[0].Errs); len(errs) != 1 || !strings.Contains(errs[0], want) {
			t.Errorf("%s: %q, want one with %q", context, errs, want)
		}
		if setup := errors.Is(answers[0].Errs[0], live.ErrSetup); setup != (context == "odd") {
			t.Errorf("%s: that the set-up is wrong is %t", context, setup)
		}
	}
}

// TestContexts has the errors of a kubeconfig.
func TestContexts(t *testing.T) {
	names := map[string]string{}
	for i := range 22 {
		names[fmt.Sprintf("c%02d", i)] = "http://127.0.0.1:1"
	}
	answers, err := open(t, names).Read(t.Context(), ample, []live.Query{{Context: "other"}})
	if err != nil || len(answers[0].Errs) != 1 || !errors.Is(answers[0].Errs[0], live.ErrSetup) {
		t.Fatal(err, answers)
	}
	if got := answers[0].Errs[0].Error(); !strings.HasPrefix(got, "context other: there is no such context: the kubeconfig (") || !strings.HasSuffix(got, "c19 and 2 more") {
		t.Errorf("got %s", got)
	}

	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", livetest.Kubeconfig(t, map[string]string{"first": "http://127.0.0.1:1"})+string(os.PathListSeparator)+livetest.Kubeconfig(t, map[string]string{"second": "http://127.0.0.1:1"}))
	config, err := live.Open("")
	if err != nil || !slices.Equal(config.Contexts(), []string{"first", "second"}) {
		t.Errorf("KUBECONFIG of two files: %v, %v", config, err)
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	if config, err = live.Open(""); err != nil || !strings.HasPrefix(config.HasContexts(), "there is no kubeconfig at "+os.Getenv("KUBECONFIG")+": ") {
		t.Errorf("KUBECONFIG of no file: %v, %v", config, err)
	}
	if err := os.WriteFile(os.Getenv("KUBECONFIG"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if config, err = live.Open(""); err != nil || !strings.HasSuffix(config.HasContexts(), ") has no contexts") {
		t.Errorf("KUBECONFIG of an empty file: %v, %v", config, err)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("users: {token: canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		bad:                             bad + " is no kubeconfig that can be read: `kubectl config view --kubeconfig " + bad + "` says what is wrong with it",
		filepath.Join(bad, "none"):      "the kubeconfig cannot be read: open ",
		filepath.Join(t.TempDir(), "x"): "the kubeconfig cannot be read: open ",
	} {
		if _, err := live.Open(path); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// writePlugin writes a kubeconfig whose user is got by a shell script.
func writePlugin(t *testing.T, server, script string) *live.Kubeconfig {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the plugin is a shell script")
	}
	text, err := os.ReadFile(livetest.Kubeconfig(t, map[string]string{"one": server}))
	if err != nil {
		t.Fatal(err)
	}
	exec, err := json.Marshal(map[string]any{"exec": map[string]any{
		"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "/bin/sh", "args": []string{"-c", script},
	}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, bytes.Replace(text, []byte(`{"token":"token-canary"}`), exec, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := live.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// hangs is a plugin that does not come back while a test waits, and holds none
// of its files.
const hangs = "exec sleep 20 >/dev/null 2>&1"

// TestPlugin gets credentials from a plugin: one that works, one whose output
// must not be shown, and one that does not come back.
func TestPlugin(t *testing.T) {
	s := newCluster(t)
	query := []live.Query{{Context: "one", Kinds: []live.Kind{replications}}}
	works := writePlugin(t, s.URL, `echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t"}}'`)
	answers, err := works.Read(t.Context(), ample, query)
	if err != nil || len(answers[0].Errs) > 0 {
		t.Errorf("a plugin that works: %v, %v", err, answers)
	}
	answers, err = writePlugin(t, s.URL, `echo '{"kind":"canary","apiVersion":"canary/v1"}'`).Read(t.Context(), ample, query)
	if errs := texts(t, s.URL, answers[0].Errs); err != nil || len(errs) != 1 || !strings.Contains(errs[0], "the plugin that gets the credentials of the context has failed") || !errors.Is(answers[0].Errs[0], live.ErrSetup) {
		t.Errorf("a plugin that fails: %v, %q", err, errs)
	}
	start := time.Now()
	answers, err = writePlugin(t, s.URL, hangs).Read(t.Context(), 100*time.Millisecond, query)
	if errs := texts(t, s.URL, answers[0].Errs); err != nil || len(errs) != 1 || !strings.Contains(errs[0], "has not answered in time") {
		t.Errorf("a plugin that hangs: %v, %q", err, errs)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("a plugin that hangs was waited for %s", took)
	}
}

// TestParallel reads three clusters that answer only when all have been asked,
// one that never does, and one that cannot be reached.
func TestParallel(t *testing.T) {
	const some = 3
	arrived := make(chan struct{}, some)
	all := make(chan struct{})
	go func() {
		for range some {
			<-arrived
		}
		close(all)
	}()
	servers := map[string]string{"gone": "http://127.0.0.1:1"}
	var queries []live.Query
	for i := range some {
		s := newCluster(t)
		s.Put(revision(i+1, "deployed", nil).Secret())
		name := fmt.Sprintf("c%d", i)
		s.Answer("/apis/"+apigee, func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			select {
			case <-all:
			case <-r.Context().Done():
			}
			w.WriteHeader(http.StatusNotFound)
		})
		servers[name] = s.URL
		queries = append(queries, live.Query{Context: name, Releases: []live.ReleaseName{datastore}, Kinds: []live.Kind{replications}})
	}
	silent := newCluster(t)
	silent.Hang(t, "/apis")
	silent.Put(revision(9, "deployed", nil).Secret())
	servers["silent"] = silent.URL
	queries = append(queries,
		live.Query{Context: "silent", Releases: []live.ReleaseName{datastore}, Kinds: []live.Kind{replications}},
		live.Query{Context: "gone", Releases: []live.ReleaseName{datastore}})
	answers, err := open(t, servers).Read(t.Context(), 3*time.Second, queries)
	if err != nil {
		t.Fatal(err)
	}
	for i := range some {
		if r := answers[i].Releases[datastore]; len(answers[i].Errs) > 0 || r == nil || r.Newest.Number != i+1 {
			t.Errorf("cluster %d: %v, %v", i, answers[i].Errs, r)
		}
	}
	late := answers[some]
	if len(late.Errs) != 1 || !errors.Is(late.Errs[0], context.DeadlineExceeded) || late.Releases[datastore] == nil {
		t.Errorf("the cluster that is silent: %v; what was read before: %v", late.Errs, late.Releases)
	}
	if errs := answers[some+1].Errs; len(errs) != 1 {
		t.Errorf("the cluster that is gone: %v", errs)
	}
}

// TestCancel ends a read at once, though a plugin does not come back.
func TestCancel(t *testing.T) {
	s := newCluster(t)
	config := writePlugin(t, s.URL, hangs)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	start := time.Now()
	answers, err := config.Read(ctx, ample, []live.Query{{Context: "one", Kinds: []live.Kind{replications}}})
	if !errors.Is(err, context.Canceled) || answers != nil {
		t.Errorf("Read = %v, %v", answers, err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}
