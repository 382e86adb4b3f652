// Package source stands in for Flux's source-controller: it publishes each commit
// of one repository as the artifact of every GitRepository and ExternalArtifact,
// and says that every other source is ready.
package source

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
	"github.com/ringplan/ringplan/cmd/conformance/internal/repo"
)

const (
	every   = 500 * time.Millisecond
	version = "source.toolkit.fluxcd.io/v1"
)

// The kinds that have an artifact made of the repository, and those that are only
// said to be ready.
var (
	published = []string{"GitRepository", "ExternalArtifact"}
	ready     = []string{"OCIRepository", "HelmRepository", "HelmChart"}
)

// Kind is a kind of Flux's sources.
func Kind(kind string) schema.GroupVersionKind { return schema.FromAPIVersionAndKind(version, kind) }

// Controller publishes a repository in a cluster.
type Controller struct {
	hub      *cluster.Cluster
	repo     *repo.Repo
	url      string
	mu       sync.Mutex
	archives map[string][]byte // by commit
}

// Start begins to publish, until the context is done.
func Start(ctx context.Context, hub *cluster.Cluster, repository *repo.Repo) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c := &Controller{hub: hub, repo: repository, url: "http://" + listener.Addr().String() + "/", archives: map[string][]byte{}}
	server := &http.Server{Handler: http.HandlerFunc(c.serve)}
	go func() { _ = server.Serve(listener) }() // ends when it is closed
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go c.run(ctx)
	return nil
}

func (c *Controller) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	archive, ok := c.archives[r.URL.Path[1:]]
	c.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(archive) // the reader notices by the digest
}

// run goes on whatever fails: the API server may be away for a while.
func (c *Controller) run(ctx context.Context) {
	for ctx.Err() == nil {
		_ = c.publish(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

// publish brings every source up to date.
func (c *Controller) publish(ctx context.Context) error {
	artifact, err := c.artifact(ctx)
	if err != nil {
		return err
	}
	for _, kind := range published {
		if err := c.each(ctx, kind, artifact); err != nil {
			return err
		}
	}
	for _, kind := range ready {
		if err := c.each(ctx, kind, nil); err != nil {
			return err
		}
	}
	return nil
}

// artifact is what a source says of the newest commit.
func (c *Controller) artifact(ctx context.Context) (cluster.Object, error) {
	commit := c.repo.Head()
	c.mu.Lock()
	defer c.mu.Unlock()
	name := commit + ".tar.gz"
	archive, ok := c.archives[name]
	if !ok {
		var err error
		if archive, err = c.repo.Archive(ctx, commit); err != nil {
			return nil, err
		}
		c.archives[name] = archive
	}
	return cluster.Object{
		"path": name, "url": c.url + name,
		"revision": repo.Branch + "@sha1:" + commit,
		"digest":   fmt.Sprintf("sha256:%x", sha256.Sum256(archive)),
		"size":     int64(len(archive)), "lastUpdateTime": time.Now().UTC().Format(time.RFC3339),
	}, nil
}

// each writes the status of all objects of a kind that is not as it should be.
func (c *Controller) each(ctx context.Context, kind string, artifact cluster.Object) error {
	objects, err := c.hub.List(ctx, Kind(kind), "")
	if err != nil {
		return err
	}
	for i := range objects {
		object := &objects[i]
		if current(object, artifact) {
			continue
		}
		status := cluster.Object{"conditions": conditions(object.GetGeneration())}
		if kind != "ExternalArtifact" {
			status["observedGeneration"] = object.GetGeneration()
		}
		if artifact != nil {
			status["artifact"] = artifact
		}
		object.Object["status"] = status
		resource, err := c.hub.Resource(Kind(kind), object.GetNamespace())
		if err != nil {
			return err
		}
		if _, err := resource.UpdateStatus(ctx, object, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// current tells whether an object is ready and has the artifact.
func current(object *unstructured.Unstructured, artifact cluster.Object) bool {
	have, _, _ := unstructured.NestedString(object.Object, "status", "artifact", "revision")
	if artifact != nil && have != artifact["revision"] {
		return false
	}
	return cluster.Condition(object, "Ready") == "True"
}

func conditions(generation int64) []any {
	return []any{cluster.Object{
		"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored artifact",
		"observedGeneration": generation, "lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
	}}
}
