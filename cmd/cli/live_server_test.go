package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/ringplan/ringplan/pkg/live/livetest"
)

// Where the programs of a real cluster are. The first may hold arguments, for a
// program that is several in one.
const (
	serverVar = "TEST_KUBE_APISERVER"
	etcdVar   = "TEST_ETCD"
)

// auditPolicy logs who asked for what, and nothing of an object.
const auditPolicy = `{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived", "ResponseStarted"], "rules": [{"level": "Metadata", "users": ["reader"]}, {"level": "None"}]}`

// A realCluster is an API server with RBAC. Of nodes it has one that runs what is
// run in its pods.
type realCluster struct {
	dir, url string
	client   *http.Client
	prints   string // by nodetool status
}

// TestAccessReal opens gates on real API servers with the roles that access
// prints, and compares what their audit logs hold with what those allow. It
// needs the programs, and openssl, and listens on the loopback only:
//
//	TEST_ETCD=/usr/bin/etcd TEST_KUBE_APISERVER=/usr/bin/kube-apiserver go test ./cmd/cli -run TestAccessReal
func TestAccessReal(t *testing.T) {
	if os.Getenv(serverVar) == "" || os.Getenv(etcdVar) == "" {
		t.Skipf("set %s and %s to the programs", serverVar, etcdVar)
	}
	etcd := startEtcd(t)
	r := newGateRing(t)
	clusters := map[string]*realCluster{}
	for n := 1; n <= 2; n++ {
		clusters[regionName(n)] = startCluster(t, etcd, regionName(n))
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "kubeconfig")
	writeReader(t, config, clusters)
	t.Setenv("KUBECONFIG", config)
	args := []string{"--context", "region-1=region-1", "--context", "region-2=region-2", "--context", "region-3=region-1"}

	// Nothing is allowed yet, so nothing is known.
	code, stdout, _ := r.gate(t, "rebuilding", args...)
	if code != exitGate || strings.Count(stdout, "\n  unknown  ") != 5 || strings.Count(stdout, ": forbidden to list ") != 5 {
		t.Fatalf("exit code %d\n%s", code, stdout)
	}
	for name, c := range clusters {
		c.apply(t, mustRun(t, "access", "--region", name, "--subject", "user:reader", "--exec", "--removals", "--releases"))
		c.apply(t, `{apiVersion: v1, kind: Secret, metadata: {name: sh.helm.release.v1.datastore.v1, namespace: apigee, labels: {owner: helm, name: datastore, status: deployed, version: "1"}}}`)
		c.prints = listed(1) + listed(2)
		time.Sleep(time.Second) // RBAC is read from a watch
	}

	allowed := permits(t, "--region", "region-2", "--exec", "--removals", "--releases")
	phases := "region-1=serving,region-2="
	open := func(phase string, more ...string) {
		t.Helper()
		a := append([]string{"gate", "region-2", "--topology", "two.yaml", "--live", "--exec", "--since", "2026-11-21T10:00:00Z", "--phase", phases + phase}, append(more, args[:4]...)...)
		if code, stdout, stderr := ringplan(t, a...); code != exitOK {
			t.Errorf("at %s: exit code %d\n%s%s", phase, code, stdout, stderr)
		}
	}
	before, _, _ := strings.Cut(readText(t, "topology.yaml"), "    - name: region-3")
	write(t, "two.yaml", before)
	clusters["region-1"].put(t, runningDatastore(1, ""))
	clusters["region-2"].put(t, r.datastore(t, "region-2"))
	open("joining")
	r.rebuilds(3)
	clusters["region-2"].put(t, r.datastore(t, "region-2"))
	replication := replicationObject("expand-region-2", "dc-1")
	delete(replication["metadata"].(map[string]any), "labels")
	clusters["region-2"].put(t, replication)
	t.Setenv("RINGPLAN_NOW", time.Now().UTC().Add(time.Minute).Format(time.RFC3339)) // the server says when it was created
	code, stdout, _ = ringplan(t, append([]string{"gate", "region-2", "--topology", "two.yaml", "--live", "--since", "2026-11-21T10:00:00Z", "--phase", phases + "rebuilding"}, args[:4]...)...)
	if code != exitGate || strings.Contains(stdout, "\n  unknown  ") || !strings.Contains(stdout, "before the replication was created at ") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	t.Setenv("RINGPLAN_NOW", "2026-11-21T12:00:00Z")
	clusters["region-2"].put(t, runningDatastore(2, ""))
	open("settling")
	clusters["region-1"].prints = listed(1)
	clusters["region-2"].delete(t, "/api/v1/namespaces/apigee/pods/apigee-cassandra-default-0")
	clusters["region-2"].pod(t, "kube-system", "coredns")
	clusters["region-2"].pod(t, "apigee", "apigee-controller-manager-1")
	for _, phase := range []string{"clearing", "closing"} {
		open(phase)
	}
	ringplan(t, append([]string{"diff", "--live", "--phase", phases + "rebuilding", "two.yaml"}, args[:4]...)...)

	for name, c := range clusters {
		for _, path := range []string{
			"/api/v1/namespaces/kube-system/secrets", "/api/v1/nodes", "/api/v1/namespaces/apigee/configmaps",
			"/apis/apigee.cloud.google.com/v1alpha2/namespaces/apigee/apigeeorganizations/my-org-c6f029e",
		} {
			if code := c.asReader(t, path); code != http.StatusForbidden {
				t.Errorf("%s: %s may be read: %d", name, path, code)
			}
		}
		c.checkAudit(t, name, allowed)
	}
	for p, used := range allowed {
		if first := p.name == "" || strings.HasSuffix(p.name, "-0"); !used && first && (p.resource != "pods/exec" || p.verb == "get") {
			t.Errorf("%+v is allowed, and nothing asks for it", p)
		}
	}
}

// datastore returns the datastore of a region as its stand-in has it.
func (r *gateRing) datastore(t *testing.T, region string) map[string]any {
	t.Helper()
	var list struct{ Items []map[string]any }
	if err := json.Unmarshal(r.fetch(t, region, "v1alpha1/namespaces/apigee/apigeedatastores"), &list); err != nil || len(list.Items) != 1 {
		t.Fatal(err, list)
	}
	return list.Items[0]
}

// freeAddress returns an address of this machine that nobody uses.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs a program until the test ends.
func start(t *testing.T, dir, name string, command ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		log.Close()
	})
}

func startEtcd(t *testing.T) string {
	dir := t.TempDir()
	client, peer := "http://"+freeAddress(t), "http://"+freeAddress(t)
	start(t, dir, "etcd", os.Getenv(etcdVar), "--data-dir", dir, "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	return client
}

// startCluster starts an API server that keeps its objects under a name, and puts
// into it what Apigee needs.
func startCluster(t *testing.T, etcd, name string) *realCluster {
	t.Helper()
	c := &realCluster{dir: t.TempDir()}
	address := freeAddress(t)
	host, port, _ := net.SplitHostPort(address)
	c.url = "https://" + address
	for file, text := range map[string]string{"tokens": "boss,boss,1,system:masters\nreader,reader,2\n", "audit.json": auditPolicy} {
		if err := os.WriteFile(filepath.Join(c.dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := exec.Command("openssl", "genrsa", "2048").Output()
	if err == nil {
		err = os.WriteFile(filepath.Join(c.dir, "key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	start(t, c.dir, "apiserver", append(strings.Fields(os.Getenv(serverVar)),
		"--etcd-servers="+etcd, "--etcd-prefix=/"+name, "--bind-address="+host, "--advertise-address="+host, "--secure-port="+port,
		"--cert-dir="+c.dir, "--token-auth-file=tokens", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=key", "--service-account-signing-key-file=key",
		"--audit-policy-file=audit.json", "--audit-log-path=audit.log", "--audit-log-mode=blocking",
		"--disable-admission-plugins=ServiceAccount,Priority", "--endpoint-reconciler-type=none", "--kubelet-preferred-address-types=InternalIP")...)
	c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	deadline := time.Now().Add(time.Minute)
	for c.ask(t, http.MethodGet, "/readyz", "boss", nil) != http.StatusOK {
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(c.dir, "apiserver.log"))
			t.Fatalf("the API server does not start:\n%s", log)
		}
		time.Sleep(200 * time.Millisecond)
	}
	c.furnish(t)
	return c
}

// furnish puts definitions, a namespace, an organization, a node and a pod.
func (c *realCluster) furnish(t *testing.T) {
	t.Helper()
	c.apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: apigee}}")
	for kind, version := range map[string]string{"ApigeeDatastore": "v1alpha1", "CassandraDataReplication": "v1alpha1", "ApigeeOrganization": "v1alpha2"} {
		plural := strings.ToLower(kind) + "s"
		c.apply(t, fmt.Sprintf(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: %s.apigee.cloud.google.com}, spec: {group: apigee.cloud.google.com, scope: Namespaced,
			names: {kind: %s, listKind: %sList, plural: %s, singular: %s}, versions: [{name: %s, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}`,
			plural, kind, kind, plural, strings.ToLower(kind), version))
		path := "/apis/apigee.cloud.google.com/" + version + "/namespaces/apigee/" + plural
		for deadline := time.Now().Add(time.Minute); c.ask(t, http.MethodGet, path, "boss", nil) != http.StatusOK; time.Sleep(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s is not served", path)
			}
		}
	}
	c.apply(t, "{apiVersion: apigee.cloud.google.com/v1alpha2, kind: ApigeeOrganization, metadata: {name: my-org-c6f029e, namespace: apigee}, status: {state: running}}")
	kubelet := httptest.NewTLSServer(livetest.SPDY(func(run livetest.Command) (string, int) {
		script := run.Args[len(run.Args)-1]
		_, end, _ := strings.Cut(script, "echo '")
		if !strings.Contains(script, `nodetool "$@" status`) {
			return "", 1
		}
		return c.prints + strings.TrimSuffix(end, "'") + "\n", 0
	}))
	t.Cleanup(kubelet.Close)
	address, err := url.Parse(kubelet.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.apply(t, "{apiVersion: v1, kind: Node, metadata: {name: node}}")
	status := fmt.Sprintf(`{"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": %s}}}}`, address.Port())
	if code := c.ask(t, http.MethodPatch, "/api/v1/nodes/node/status", "boss", []byte(status)); code != http.StatusOK {
		t.Fatalf("the node has no address: %d", code)
	}
	c.pod(t, "apigee", "apigee-cassandra-default-0")
}

// pod puts a pod that runs, with an address of region-2.
func (c *realCluster) pod(t *testing.T, namespace, name string) {
	t.Helper()
	container := "main"
	if strings.HasPrefix(name, "apigee-cassandra-") {
		container = "apigee-cassandra"
	}
	c.apply(t, fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: %s}, spec: {nodeName: node, containers: [{name: %s, image: x}]}}", name, namespace, container))
	status := `{"status": {"phase": "Running", "podIP": "10.101.0.9", "podIPs": [{"ip": "10.101.0.9"}]}}`
	if code := c.ask(t, http.MethodPatch, "/api/v1/namespaces/"+namespace+"/pods/"+name+"/status", "boss", []byte(status)); code != http.StatusOK {
		t.Fatalf("the pod does not run: %d", code)
	}
}

// ask makes a request, and returns its code; 0 if nobody answers.
func (c *realCluster) ask(t *testing.T, method, path, token string, body []byte) int {
	t.Helper()
	request, err := http.NewRequest(method, c.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode >= http.StatusBadRequest && token == "boss" && method != http.MethodGet && method != http.MethodDelete {
		t.Logf("%s %s: %s", method, path, text)
	}
	return response.StatusCode
}

func (c *realCluster) asReader(t *testing.T, path string) int {
	t.Helper()
	return c.ask(t, http.MethodGet, path, "reader", nil)
}

func (c *realCluster) delete(t *testing.T, path string) {
	t.Helper()
	if code := c.ask(t, http.MethodDelete, path+"?gracePeriodSeconds=0", "boss", nil); code != http.StatusOK {
		t.Fatalf("%s is not deleted: %d", path, code)
	}
}

// apply creates the objects of a text in YAML.
func (c *realCluster) apply(t *testing.T, text string) {
	t.Helper()
	for dec := yaml.NewDecoder(strings.NewReader(strings.ReplaceAll(text, "\t", " "))); ; {
		var object map[string]any
		if err := dec.Decode(&object); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		c.put(t, object)
	}
}

// put creates an object, or replaces it.
func (c *realCluster) put(t *testing.T, object map[string]any) {
	t.Helper()
	metadata := object["metadata"].(map[string]any)
	for _, field := range []string{"uid", "resourceVersion", "generation"} { // which the server gives
		delete(metadata, field)
	}
	for _, field := range []string{"observedGeneration", "lastAppliedGeneration"} {
		if status, ok := object["status"].(map[string]any); ok && status[field] != nil {
			status[field] = 1
		}
	}
	version, kind := object["apiVersion"].(string), object["kind"].(string)
	path := "/apis/" + version
	if !strings.Contains(version, "/") {
		path = "/api/" + version
	}
	if namespace, ok := metadata["namespace"].(string); ok {
		path += "/namespaces/" + namespace
	}
	path += "/" + strings.ToLower(kind) + "s"
	c.ask(t, http.MethodDelete, path+"/"+metadata["name"].(string), "boss", nil)
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if code := c.ask(t, http.MethodPost, path, "boss", data); code != http.StatusCreated {
		t.Fatalf("%s %s is not created: %d", kind, metadata["name"], code)
	}
}

// writeReader writes a kubeconfig for one who may read, with a context for each
// cluster.
func writeReader(t *testing.T, path string, clusters map[string]*realCluster) {
	t.Helper()
	var list, contexts []any
	for name, c := range clusters {
		list = append(list, map[string]any{"name": name, "cluster": map[string]any{"server": c.url, "certificate-authority": filepath.Join(c.dir, "apiserver.crt")}})
		contexts = append(contexts, map[string]any{"name": name, "context": map[string]any{"cluster": name, "user": "reader"}})
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "clusters": list, "contexts": contexts,
		"users": []any{map[string]any{"name": "reader", "user": map[string]any{"token": "reader"}}},
	})
	if err := errors.Join(err, os.WriteFile(path, text, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// checkAudit compares what an API server has logged of the reader with what is
// allowed.
func (c *realCluster) checkAudit(t *testing.T, name string, allowed map[permit]bool) {
	t.Helper()
	file, err := os.Open(filepath.Join(c.dir, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	events := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var e struct {
			RequestURI, Verb, UserAgent string
			ObjectRef                   struct{ APIGroup, Resource, Subresource, Namespace, Name string }
			ResponseStatus              struct{ Code int }
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(e.UserAgent, "ringplan") {
			continue
		}
		events++
		ref := e.ObjectRef
		q := livetest.Request{Verb: e.Verb, Group: ref.APIGroup, Resource: ref.Resource, Namespace: ref.Namespace, Name: ref.Name}
		if ref.Subresource != "" {
			q.Resource += "/" + ref.Subresource
		}
		discovery := e.Verb == "get" && ref.Resource == "" && (e.RequestURI == "/api/v1" || strings.HasPrefix(e.RequestURI, "/apis/apigee.cloud.google.com/"))
		if !discovery && !use(allowed, q) {
			t.Errorf("%s: %+v (%s) is not allowed", name, q, e.RequestURI)
		}
	}
	if events == 0 {
		t.Errorf("%s: nothing was logged", name)
	}
}
