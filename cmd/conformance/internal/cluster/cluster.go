// Package cluster boots Kubernetes API servers without nodes.
package cluster

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"

	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
)

// boot is how long an API server may take until it is ready.
const boot = 2 * time.Minute

// Programs are the paths of what a cluster is made of.
type Programs struct{ Etcd, Kube string }

// Etcd is a running etcd, which several clusters share.
type Etcd struct{ url string }

// StartEtcd starts etcd with its data in the folder.
func StartEtcd(ctx context.Context, group *proc.Group, path, folder string) (*Etcd, error) {
	ports, err := proc.Ports(2)
	if err != nil {
		return nil, err
	}
	url, peer := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	process, err := group.Start(proc.Spec{Name: "etcd", Path: path, Args: []string{
		"--data-dir=" + filepath.Join(folder, "etcd"),
		"--listen-client-urls=" + url, "--advertise-client-urls=" + url,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
		"--unsafe-no-fsync", // the data is thrown away
	}})
	if err != nil {
		return nil, err
	}
	return &Etcd{url: url}, proc.Until(ctx, boot, "etcd", func(ctx context.Context) error {
		if err := process.Ended(); err != nil {
			return err
		}
		return proc.Answers(ctx, url+"/health")
	})
}

// Cluster is one API server with its controller manager.
type Cluster struct {
	Name   string
	Config *rest.Config
	Client dynamic.Interface
	folder string
	token  string
	server *proc.Process
	again  func() (*proc.Process, error)
	mapper *restmapper.DeferredDiscoveryRESTMapper

	mu      sync.Mutex
	reset   time.Time // of the mapper
	watches map[schema.GroupVersionResource]cache.SharedIndexInformer
	done    <-chan struct{}
}

// Start boots a cluster, with its keys below the folder. It is used until the
// context is done.
func Start(ctx context.Context, group *proc.Group, programs Programs, etcd *Etcd, name, folder string) (*Cluster, error) {
	c := &Cluster{Name: name, folder: filepath.Join(folder, name), watches: map[schema.GroupVersionResource]cache.SharedIndexInformer{}, done: ctx.Done()}
	if err := c.secrets(); err != nil {
		return nil, err
	}
	ports, err := proc.Ports(1)
	if err != nil {
		return nil, err
	}
	c.again = func() (*proc.Process, error) { return group.Start(c.serverSpec(programs.Kube, etcd, ports[0])) }
	if c.server, err = c.again(); err != nil {
		return nil, err
	}
	if err := c.connect(fmt.Sprintf("https://127.0.0.1:%d", ports[0])); err != nil {
		return nil, err
	}
	if err := c.Ready(ctx); err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.Kubeconfig(), c.KubeconfigText(), 0o600); err != nil {
		return nil, err
	}
	_, err = group.Start(c.managerSpec(programs.Kube))
	return c, err
}

// secrets writes the token of the one administrator and the key that signs the
// tokens of service accounts.
func (c *Cluster) secrets() error {
	if err := os.MkdirAll(c.folder, 0o700); err != nil {
		return err
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	c.token = hex.EncodeToString(random)
	if err := os.WriteFile(c.path("tokens"), []byte(c.token+",admin,admin,system:masters\n"), 0o600); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return os.WriteFile(c.path("service-accounts.key"), text, 0o600)
}

func (c *Cluster) path(name string) string { return filepath.Join(c.folder, name) }

// Kubeconfig is the path of a file whose one context has the cluster's name.
func (c *Cluster) Kubeconfig() string { return c.path("kubeconfig") }

// serverSpec leaves admission webhooks out: the operator that would answer them
// does not run.
func (c *Cluster) serverSpec(path string, etcd *Etcd, port int) proc.Spec {
	return proc.Spec{Name: "apiserver-" + c.Name, Path: path, Args: []string{
		"apiserver",
		"--etcd-servers=" + etcd.url, "--etcd-prefix=/" + c.Name,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--cert-dir=" + c.folder, "--token-auth-file=" + c.path("tokens"), "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.path("service-accounts.key"),
		"--service-account-signing-key-file=" + c.path("service-accounts.key"),
		"--disable-admission-plugins=ServiceAccount,MutatingAdmissionWebhook,ValidatingAdmissionWebhook",
		"--endpoint-reconciler-type=none",
	}}
}

// managerSpec runs what a cluster needs to forget what was deleted and to make pods
// of workloads, and no more.
func (c *Cluster) managerSpec(path string) proc.Spec {
	return proc.Spec{Name: "controller-manager-" + c.Name, Path: path, Args: []string{
		"controller-manager", "--kubeconfig=" + c.Kubeconfig(), "--leader-elect=false", "--secure-port=0",
		"--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller," +
			"deployment-controller,replicaset-controller,statefulset-controller,job-controller",
		"--min-resync-period=10m",
	}}
}

// connect makes the clients. The API server makes its own certificate as it
// starts, and puts its authority in the same file; its key it writes when that file
// is whole.
func (c *Cluster) connect(host string) error {
	key := c.path("apiserver.key")
	if err := proc.Until(context.Background(), boot, key, func(context.Context) error {
		if err := c.server.Ended(); err != nil {
			return err
		}
		_, err := os.Stat(key)
		return err
	}); err != nil {
		return err
	}
	text, err := os.ReadFile(c.path("apiserver.crt"))
	if err != nil {
		return err
	}
	c.Config = &rest.Config{Host: host, BearerToken: c.token, TLSClientConfig: rest.TLSClientConfig{CAData: text}, QPS: 200, Burst: 400, WarningHandler: rest.NoWarnings{}}
	if c.Client, err = dynamic.NewForConfig(c.Config); err != nil {
		return err
	}
	client, err := discovery.NewDiscoveryClientForConfig(c.Config)
	if err != nil {
		return err
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	return nil
}

// Ready waits until the API server answers that it is ready.
func (c *Cluster) Ready(ctx context.Context) error {
	client, err := discovery.NewDiscoveryClientForConfig(c.Config)
	if err != nil {
		return err
	}
	return proc.Until(ctx, boot, "the API server of "+c.Name, func(ctx context.Context) error {
		if err := c.server.Ended(); err != nil {
			return err
		}
		return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// Pause ends the API server, and returns what starts it again.
func (c *Cluster) Pause() (resume func(context.Context) error) {
	c.server.Stop()
	return func(ctx context.Context) error {
		var err error
		if c.server, err = c.again(); err != nil {
			return err
		}
		return c.Ready(ctx)
	}
}

// Mapper finds the resource of a kind.
func (c *Cluster) Mapper() meta.RESTMapper { return c.mapper }
