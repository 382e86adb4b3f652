package helm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
	"github.com/ringplan/ringplan/cmd/conformance/internal/repo"
	"github.com/ringplan/ringplan/cmd/conformance/internal/source"
)

// charts finds charts in a repository.
type charts struct {
	repository *repo.Repo
	folder     string
	mu         sync.Mutex
}

// load returns the chart of a release, and what tells it from another one.
func (c *charts) load(ctx context.Context, hub *cluster.Cluster, namespace string, s *spec) (*chart.Chart, string, error) {
	commit := c.repository.Head()
	within, perCommit, err := where(ctx, hub, namespace, s)
	if err != nil {
		return nil, "", err
	}
	tree, err := c.tree(ctx, commit)
	if err != nil {
		return nil, "", err
	}
	loaded, err := loader.Load(filepath.Join(tree, within))
	if err != nil {
		return nil, "", err
	}
	revision := loaded.Metadata.Name + "-" + loaded.Metadata.Version
	if perCommit {
		revision += "+" + commit
	}
	return loaded, revision, nil
}

// where is the folder of a chart in the repository, and whether every commit makes
// another chart of it.
func where(ctx context.Context, hub *cluster.Cluster, namespace string, s *spec) (folder string, perCommit bool, err error) {
	switch {
	case s.ChartRef != nil:
		object, err := hub.Get(ctx, source.Kind(s.ChartRef.Kind), namespace, s.ChartRef.Name)
		if err != nil {
			return "", false, err
		}
		if cluster.Condition(object, "Ready") != "True" {
			return "", false, fmt.Errorf("%s %s is not ready", s.ChartRef.Kind, s.ChartRef.Name)
		}
		url, _, _ := unstructured.NestedString(object.Object, "spec", "url")
		return filepath.Join("charts", path.Base(url)), false, nil
	case s.Chart != nil && s.Chart.Spec.SourceRef.Kind == "GitRepository":
		return filepath.FromSlash(path.Clean(s.Chart.Spec.Chart)), s.Chart.Spec.ReconcileStrategy == "Revision", nil
	default:
		return "", false, errors.New("only chartRef, and chart.spec of a GitRepository, are supported here")
	}
}

// tree is a folder with the tree of a commit.
func (c *charts) tree(ctx context.Context, commit string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	folder := filepath.Join(c.folder, commit)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	return folder, c.repository.Export(ctx, commit, folder)
}
