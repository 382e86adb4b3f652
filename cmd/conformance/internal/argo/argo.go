// Package argo starts Argo CD: its controllers, its repository server and Redis.
package argo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
)

// Namespace is where Argo CD's objects are.
const Namespace = "argocd"

// refresh is how often Argo CD looks for commits of which nobody has told it.
const refresh = "8s"

// Application is the kind that the controller carries out.
var Application = schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"}

// Programs are the paths of what Argo CD is made of. Tools is a list of folders,
// as in PATH, with the programs that the repository server runs.
type Programs struct{ Argo, Redis, Tools string }

// Argo is a running Argo CD.
type Argo struct {
	hub         *cluster.Cluster
	group       *proc.Group
	specs       []proc.Spec // of the controllers
	controllers []*proc.Process
}

// Start makes the objects that Argo CD wants to be there and starts it on a
// cluster, with its own files below the folder. The other clusters are known to it
// by their names here. With sets, applications may come from ApplicationSets.
func Start(ctx context.Context, group *proc.Group, programs Programs, hub *cluster.Cluster, known map[string]*cluster.Cluster, folder string, sets bool) (*Argo, error) {
	a := &Argo{hub: hub, group: group}
	if err := a.settle(ctx, known); err != nil {
		return nil, err
	}
	ports, err := proc.Ports(7)
	if err != nil {
		return nil, err
	}
	scratch := filepath.Join(folder, "argocd")
	for _, name := range []string{"plugins", "gpg", "tls", "ssh", "tmp"} {
		if err := os.MkdirAll(filepath.Join(scratch, name), 0o755); err != nil {
			return nil, err
		}
	}
	if _, err := group.Start(proc.Spec{Name: "redis", Path: programs.Redis, Dir: scratch, Args: []string{
		"--bind", "127.0.0.1", "--port", fmt.Sprint(ports[0]), "--save", "", "--appendonly", "no",
	}}); err != nil {
		return nil, err
	}
	redis, server := fmt.Sprintf("--redis=127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	if _, err := group.Start(proc.Spec{
		Name: "argocd-repo-server", Path: programs.Argo, Env: environment("argocd-repo-server", programs, hub, scratch),
		Args: []string{
			fmt.Sprintf("--port=%d", ports[1]), fmt.Sprintf("--metrics-port=%d", ports[2]), "--address=127.0.0.1",
			redis, "--disable-tls", "--client-ca-path=", "--revision-cache-expiration=1s",
		},
	}); err != nil {
		return nil, err
	}
	a.specs = append(a.specs, proc.Spec{
		Name: "argocd-application-controller", Path: programs.Argo,
		Env: environment("argocd-application-controller", programs, hub, scratch),
		Args: []string{
			"--namespace=" + Namespace, "--repo-server=" + server, "--repo-server-plaintext", redis, fmt.Sprintf("--metrics-port=%d", ports[3]),
			"--app-resync-jitter=0", "--self-heal-timeout-seconds=2", "--enable-k8s-event=none",
		},
	})
	if sets {
		a.specs = append(a.specs, proc.Spec{
			Name: "argocd-applicationset-controller", Path: programs.Argo,
			Env: environment("argocd-applicationset-controller", programs, hub, scratch),
			Args: []string{
				"--namespace=" + Namespace, "--argocd-repo-server=" + server, "--repo-server-plaintext", "--enable-progressive-syncs",
				fmt.Sprintf("--metrics-addr=127.0.0.1:%d", ports[4]), fmt.Sprintf("--probe-addr=127.0.0.1:%d", ports[5]),
				fmt.Sprintf("--webhook-addr=127.0.0.1:%d", ports[6]),
			},
		})
	}
	return a, a.run()
}

// run starts the controllers.
func (a *Argo) run() error {
	for _, spec := range a.specs {
		controller, err := a.group.Start(spec)
		if err != nil {
			return err
		}
		a.controllers = append(a.controllers, controller)
	}
	return nil
}

func environment(component string, programs Programs, hub *cluster.Cluster, scratch string) []string {
	return []string{
		"ARGOCD_BINARY_NAME=" + component, "ARGOCD_FAKE_IN_CLUSTER=true", "ARGOCD_GPG_ENABLED=false",
		"ARGOCD_RECONCILIATION_TIMEOUT=" + refresh, "ARGOCD_PLUGINSOCKFILEPATH=" + filepath.Join(scratch, "plugins"),
		"ARGOCD_GNUPGHOME=" + filepath.Join(scratch, "gpg"), "ARGOCD_TLS_DATA_PATH=" + filepath.Join(scratch, "tls"),
		"ARGOCD_SSH_DATA_PATH=" + filepath.Join(scratch, "ssh"), "TMPDIR=" + filepath.Join(scratch, "tmp"),
		"KUBECONFIG=" + hub.Kubeconfig(), "POD_NAMESPACE=" + Namespace, "ARGOCD_NAMESPACE=" + Namespace,
		"PATH=" + programs.Tools + ":" + os.Getenv("PATH"),
	}
}

// settle makes what an installation of Argo CD brings: its namespace, settings,
// and the clusters.
func (a *Argo) settle(ctx context.Context, known map[string]*cluster.Cluster) error {
	if err := a.hub.ApplyText(ctx, `
apiVersion: v1
kind: Namespace
metadata: {name: argocd}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
data: {timeout.reconciliation: `+refresh+`}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cmd-params-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-rbac-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
stringData: {server.secretkey: not-a-secret}
---
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{namespace: "*", server: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
`); err != nil {
		return err
	}
	for name, c := range known {
		if err := a.know(ctx, name, c); err != nil {
			return err
		}
	}
	return nil
}

// know tells Argo CD of a cluster.
func (a *Argo) know(ctx context.Context, name string, c *cluster.Cluster) error {
	config, err := json.Marshal(map[string]any{
		"bearerToken": c.Config.BearerToken, "tlsClientConfig": map[string]any{"caData": c.Config.CAData},
	})
	if err != nil {
		return err
	}
	secret := &unstructured.Unstructured{Object: cluster.Object{
		"apiVersion": "v1", "kind": "Secret", "stringData": cluster.Object{"name": name, "server": c.Config.Host, "config": string(config)},
	}}
	secret.SetName("cluster-" + name)
	secret.SetNamespace(Namespace)
	secret.SetLabels(map[string]string{"argocd.argoproj.io/secret-type": "cluster"})
	return a.hub.Apply(ctx, secret)
}

// Restart kills the controllers, and starts them again.
func (a *Argo) Restart() error {
	for _, controller := range a.controllers {
		controller.Kill()
	}
	a.controllers = nil
	return a.run()
}

// At tells whether an Application is synced to a commit, and healthy.
func At(object *unstructured.Unstructured, commit string) error {
	sync, _, _ := unstructured.NestedString(object.Object, "status", "sync", "status")
	health, _, _ := unstructured.NestedString(object.Object, "status", "health", "status")
	revisions, _, _ := unstructured.NestedStringSlice(object.Object, "status", "sync", "revisions")
	if revision, _, _ := unstructured.NestedString(object.Object, "status", "sync", "revision"); revision != "" {
		revisions = append(revisions, revision)
	}
	if slices.Contains(revisions, commit) && sync == "Synced" && health == "Healthy" {
		return nil
	}
	message, _, _ := unstructured.NestedString(object.Object, "status", "operationState", "message")
	return fmt.Errorf("it is %q and %q at %q: %s", sync, health, revisions, message)
}
