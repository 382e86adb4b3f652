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
	Etcd, Kube, Kustomizer, Argo, Kustomize, Helm, Redis, Registry string
	ArgoTools                                                      string // the folder of Argo CD's own scripts
	Ringplan                                                       string // a folder with both of its programs
	Root                                                           string // the folder of the ringplan repository
	CRDs                                                           string // the folder of real definitions, or nothing
}

// World is what a scenario plays in.
type World struct {
	Programs Programs
	Folder   string
	Group    *proc.Group
	Regions  map[string]*cluster.Cluster
	Repo     *repo.Repo
	Packed   string // where the charts are in a registry, if there is one
	Ring     *operator.Ring
	Log      *operator.Log
	Fate     *operator.Fate // of the second region's rebuilds
	Say      func(format string, args ...any)
}

// Hub is the cluster that the engine runs in: that of the first region.
func (w *World) Hub() *cluster.Cluster { return w.Regions[First] }

// New boots regions and the repository, with their files below the folder. The
// group ends what was started, also after an error.
func New(ctx context.Context, programs Programs, group *proc.Group, folder string, say func(string, ...any), regions ...string) (*World, error) {
	w := &World{
		Programs: programs, Folder: folder, Group: group, Say: say,
		Regions: map[string]*cluster.Cluster{}, Ring: new(operator.Ring), Log: new(operator.Log),
	}
	etcd, err := cluster.StartEtcd(ctx, group, programs.Etcd, folder)
	if err != nil {
		return nil, err
	}
	if err := w.boot(ctx, etcd, regions); err != nil {
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

// boot starts the clusters, all at once.
func (w *World) boot(ctx context.Context, etcd *cluster.Etcd, names []string) error {
	type booted struct {
		cluster *cluster.Cluster
		err     error
	}
	results := make(chan booted)
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

// Define applies real definitions to the cluster of the engine, those of the files
// that the patterns match.
func (w *World) Define(ctx context.Context, patterns ...string) error {
	var all []*unstructured.Unstructured
	for _, pattern := range patterns {
		definitions, err := cluster.ReadFiles(filepath.Join(w.Programs.CRDs, filepath.FromSlash(pattern)))
		if err != nil {
			return err
		}
		all = append(all, definitions...)
	}
	for _, definition := range all {
		unstructured.RemoveNestedField(definition.Object, "spec", "conversion") // its webhook does not run here
	}
	return w.Hub().Define(ctx, all)
}

// Populate makes what stands in for the insides of both clusters: nodes and
// cert-manager, and an operator for each. In the second region a rebuild of long
// ago is said to be complete.
func (w *World) Populate(ctx context.Context) error {
	issuers, err := cluster.Read([]byte(nodes.Definitions()))
	if err != nil {
		return err
	}
	for name, network := range map[string]string{First: "10.100.0", Second: "10.101.0"} {
		if err := w.Regions[name].Define(ctx, issuers); err != nil {
			return err
		}
		nodes.Start(ctx, w.Regions[name], network)
		machine := operator.NewMachine(name, operator.Options{
			Delay: time.Second, RebuildDelay: time.Second, PodTime: time.Second, Network: network, Stale: name == Second,
		}, w.Ring, w.Log)
		operator.Start(ctx, w.Regions[name], Namespace, machine)
		if name == Second {
			w.Fate = &machine.Fate
		}
	}
	return nil
}

// Until waits for an event in a region, which may have been already.
func (w *World) Until(ctx context.Context, limit time.Duration, region, words string) error {
	return w.UntilAgain(ctx, limit, region, words, 1)
}

// UntilAgain waits until an event has been in a region so many times.
func (w *World) UntilAgain(ctx context.Context, limit time.Duration, region, words string, times int) error {
	return proc.Until(ctx, limit, fmt.Sprintf("the operator of %s to log %q, %d times", region, words, times), func(context.Context) error {
		if w.Log.Count(region, words) >= times {
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
