// Package world boots what a scenario plays in: two regions with an operator each,
// a repository, and an engine.
package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
	"github.com/ringplan/ringplan/cmd/conformance/internal/nodes"
	"github.com/ringplan/ringplan/cmd/conformance/internal/operator"
	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
	"github.com/ringplan/ringplan/cmd/conformance/internal/repo"
)

// Namespace is where the system is installed.
const Namespace = "apigee"

// The regions, and their contexts in the kubeconfig.
const (
	First  = "region-1"
	Second = "region-2"
)

// Programs are the paths of everything that is started.
type Programs struct {
	Etcd, Kube, Kustomizer, Argo, Kustomize, Helm, Redis string
	ArgoTools                                            string // the folder of Argo CD's own scripts
	Ringplan                                             string // a folder with both of its programs
	Root                                                 string // the folder of the ringplan repository
	CRDs                                                 string // the folder of real definitions, or nothing
}

// World is what a scenario plays in.
type World struct {
	Programs Programs
	Folder   string
	Group    *proc.Group
	Regions  map[string]*cluster.Cluster
	Repo     *repo.Repo
	Ring     *operator.Ring
	Log      *operator.Log
	Say      func(format string, args ...any)
}

// Hub is the cluster that the engine runs in: that of the first region.
func (w *World) Hub() *cluster.Cluster { return w.Regions[First] }

// New boots both regions and the repository, with their files below the folder.
// The group ends what was started, also after an error.
func New(ctx context.Context, programs Programs, group *proc.Group, folder string, say func(string, ...any)) (*World, error) {
	w := &World{
		Programs: programs, Folder: folder, Group: group, Say: say,
		Regions: map[string]*cluster.Cluster{}, Ring: new(operator.Ring), Log: new(operator.Log),
	}
	etcd, err := cluster.StartEtcd(ctx, group, programs.Etcd, folder)
	if err != nil {
		return nil, err
	}
	if err := w.boot(ctx, etcd); err != nil {
		return nil, err
	}
	if err := w.kubeconfig(); err != nil {
		return nil, err
	}
	if w.Repo, err = repo.New(ctx, folder); err != nil {
		return nil, err
	}
	return w, nil
}

// boot starts the clusters, both at once.
func (w *World) boot(ctx context.Context, etcd *cluster.Etcd) error {
	type booted struct {
		cluster *cluster.Cluster
		err     error
	}
	names, results := []string{First, Second}, make(chan booted)
	for _, name := range names {
		go func() {
			c, err := cluster.Start(ctx, w.Group, cluster.Programs{Etcd: w.Programs.Etcd, Kube: w.Programs.Kube}, etcd, name, w.Folder)
			results <- booted{c, err}
		}()
	}
	var failed error
	for range names {
		result := <-results
		if result.err != nil {
			failed = errors.Join(failed, result.err)
			continue
		}
		w.Regions[result.cluster.Name] = result.cluster
	}
	return failed
}

// Kubeconfig is a file with a context for each region.
func (w *World) Kubeconfig() string { return filepath.Join(w.Folder, "kubeconfig") }

func (w *World) kubeconfig() error {
	text, err := cluster.Merged(w.Regions)
	if err != nil {
		return err
	}
	return os.WriteFile(w.Kubeconfig(), text, 0o600)
}

// Define applies the definitions of the named folder of real ones to the clusters.
func (w *World) Define(ctx context.Context, name string, clusters ...*cluster.Cluster) error {
	definitions, err := cluster.ReadFiles(filepath.Join(w.Programs.CRDs, name))
	if err != nil {
		return err
	}
	for _, definition := range definitions {
		unstructured.RemoveNestedField(definition.Object, "spec", "conversion") // its webhook does not run here
	}
	for _, c := range clusters {
		if err := c.Define(ctx, copies(definitions)); err != nil {
			return err
		}
	}
	return nil
}

func copies(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	all := make([]*unstructured.Unstructured, len(objects))
	for i, object := range objects {
		all[i] = object.DeepCopy()
	}
	return all
}

// Populate makes what stands in for the insides of both clusters: nodes and
// cert-manager, and an operator for each, which behave as said.
func (w *World) Populate(ctx context.Context, behaviour map[string]operator.Options) error {
	issuers, err := cluster.Read([]byte(nodes.Definitions()))
	if err != nil {
		return err
	}
	for name, c := range w.Regions {
		if err := c.Define(ctx, copies(issuers)); err != nil {
			return err
		}
		nodes.Start(ctx, c, behaviour[name].Network)
		operator.Start(ctx, c, Namespace, operator.NewMachine(name, behaviour[name], w.Ring, w.Log))
	}
	return nil
}

// Behaviour is how the operators of both regions behave when all goes well.
func Behaviour() map[string]operator.Options {
	options := func(network string) operator.Options {
		return operator.Options{
			Delay: time.Second, RebuildDelay: 2 * time.Second, PodTime: 2 * time.Second, FailPod: -1, Network: network,
		}
	}
	return map[string]operator.Options{First: options("10.100.0"), Second: options("10.101.0")}
}

// Until waits for an event in a region.
func (w *World) Until(ctx context.Context, limit time.Duration, region, words string) error {
	return proc.Until(ctx, limit, fmt.Sprintf("the operator of %s to log %q", region, words), func(context.Context) error {
		if w.Log.Has(region, words) {
			return nil
		}
		return errors.Join(errors.New("it has not"), w.Group.Check(), w.wrong())
	})
}

// wrong ends all waiting when the operators were told what they must never be.
func (w *World) wrong() error {
	if err := w.Log.Wrong(); err != nil {
		return proc.FinalError{Err: err}
	}
	return nil
}

// programsName is the variable that holds the programs, for the process inside.
const programsName = "RINGPLAN_CONFORMANCE_PROGRAMS"

// Environment holds the programs.
func (p Programs) Environment() ([]string, error) {
	text, err := json.Marshal(p)
	return []string{programsName + "=" + string(text)}, err
}

// FromEnvironment returns what Environment held.
func FromEnvironment() (Programs, error) {
	var p Programs
	return p, json.Unmarshal([]byte(os.Getenv(programsName)), &p)
}
