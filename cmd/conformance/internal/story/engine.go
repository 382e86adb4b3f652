package story

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ringplan/ringplan/cmd/conformance/internal/argo"
	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
	"github.com/ringplan/ringplan/cmd/conformance/internal/flux"
	"github.com/ringplan/ringplan/cmd/conformance/internal/helm"
	"github.com/ringplan/ringplan/cmd/conformance/internal/operator"
	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
	"github.com/ringplan/ringplan/cmd/conformance/internal/repo"
	"github.com/ringplan/ringplan/cmd/conformance/internal/source"
	"github.com/ringplan/ringplan/cmd/conformance/internal/world"
)

// engine is what syncs the repository to the clusters.
type engine interface {
	// start starts it, and does what a person does once to have it sync.
	start(ctx context.Context, w *world.World) error
	// synced tells whether all that it knows is as the commit says, and well.
	synced(ctx context.Context, w *world.World, commit string) error
	// pushed tells it of a new commit, as a webhook does.
	pushed(ctx context.Context, w *world.World) error
	// restart kills it, and starts it again.
	restart() error
	// holds waits until the engine has seen that the datastore of the second region
	// has left Git with a commit.
	holds(ctx context.Context, w *world.World, commit string) error
	// confirm is what a person does so that the datastore of the second region
	// goes, which has left Git.
	confirm(ctx context.Context, w *world.World) error
}

// engines are those that a topology's delivery may name.
var engines = map[string]func(world.Delivery) engine{
	"flux":   func(d world.Delivery) engine { return &fluxEngine{delivery: d} },
	"argocd": func(d world.Delivery) engine { return &argoEngine{delivery: d} },
}

// fluxEngine is Flux: the real kustomize-controller, and stand-ins.
type fluxEngine struct {
	delivery   world.Delivery
	controller *flux.Controller
	releases   *helm.Controller
}

// fluxStart is what a person makes once, given the kind and the spec of the source;
// the secrets of the clusters come with it.
const fluxStart = `
apiVersion: source.toolkit.fluxcd.io/v1
kind: %[1]s
metadata: {name: flux-system, namespace: flux-system}
spec: {%[2]s}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: ringplan, namespace: flux-system}
spec:
  interval: 1m
  prune: true
  path: ./rendered/flux
  sourceRef: {kind: %[1]s, name: flux-system}
`

func (e *fluxEngine) start(ctx context.Context, w *world.World) error {
	if err := w.Define(ctx, "flux/*.yaml"); err != nil {
		return err
	}
	if err := w.Hub().ApplyText(ctx, "{apiVersion: v1, kind: Namespace, metadata: {name: "+flux.Namespace+"}}"); err != nil {
		return err
	}
	for name, c := range w.Regions {
		if err := w.Hub().Apply(ctx, kubeconfigSecret(name, c)); err != nil {
			return err
		}
	}
	if err := source.Start(ctx, w.Hub(), w.Repo); err != nil {
		return err
	}
	e.releases = helm.Start(ctx, w.Hub(), w.Repo, filepath.Join(w.Folder, "helm"))
	var err error
	if e.controller, err = flux.Start(w.Group, w.Programs.Kustomizer, w.Hub(), w.Folder); err != nil {
		return err
	}
	if e.delivery.Source != "" {
		return w.Hub().ApplyText(ctx, fmt.Sprintf(fluxStart, e.delivery.Source, ""))
	}
	git := fmt.Sprintf("interval: 1m, url: %q, ref: {branch: %s}", w.Repo.URL(), repo.Branch)
	return w.Hub().ApplyText(ctx, fmt.Sprintf(fluxStart, "GitRepository", git))
}

func kubeconfigSecret(name string, c *cluster.Cluster) *unstructured.Unstructured {
	secret := &unstructured.Unstructured{Object: cluster.Object{
		"apiVersion": "v1", "kind": "Secret",
		"data": cluster.Object{"value": base64.StdEncoding.EncodeToString(c.KubeconfigText())},
	}}
	secret.SetName(name)
	secret.SetNamespace(flux.Namespace)
	return secret
}

// pushed does nothing: what stands in for the source-controller looks all the time.
func (e *fluxEngine) pushed(context.Context, *world.World) error { return nil }

func (e *fluxEngine) restart() error {
	e.releases.Forget()
	return e.controller.Restart()
}

func (e *fluxEngine) holds(ctx context.Context, w *world.World, commit string) error {
	return untilSynced(ctx, w, e, commit)
}

func (e *fluxEngine) confirm(ctx context.Context, w *world.World) error {
	if e.delivery.By == "helm" {
		return remove(ctx, w, world.First, helm.Release, flux.Namespace, "conformance-"+world.Second+"-datastore")
	}
	return remove(ctx, w, world.Second, operator.Datastore, world.Namespace, "default")
}

func (e *fluxEngine) synced(ctx context.Context, w *world.World, commit string) error {
	if err := some(ctx, w.Hub(), flux.Kustomization, flux.Namespace, func(object *unstructured.Unstructured) error {
		revision, _, _ := unstructured.NestedString(object.Object, "status", "lastAppliedRevision")
		if !strings.HasSuffix(revision, commit) || cluster.Condition(object, "Ready") != "True" {
			return errors.New(flux.Message(object))
		}
		return nil
	}); err != nil {
		return err
	}
	return all(ctx, w.Hub(), helm.Release, flux.Namespace, func(object *unstructured.Unstructured) error {
		if !helm.Current(object) {
			return errors.New(flux.Message(object))
		}
		return nil
	})
}

// argoEngine is Argo CD.
type argoEngine struct {
	delivery world.Delivery
	argo     *argo.Argo
}

// The applications of the second region, and of its datastore.
const (
	argoParent    = "conformance-" + world.Second
	argoDatastore = argoParent + "-datastore"
)

const argoStart = `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: ringplan, namespace: argocd}
spec:
  project: default
  source: {repoURL: %q, targetRevision: %s, path: rendered/argocd}
  destination: {server: "https://kubernetes.default.svc", namespace: argocd}
  syncPolicy: {automated: {prune: true, selfHeal: true}}
`

// argoCharts tells Argo CD of a registry, given where in it the charts are.
const argoCharts = `
apiVersion: v1
kind: Secret
metadata: {name: charts, namespace: argocd, labels: {argocd.argoproj.io/secret-type: repository}}
stringData: {name: charts, type: helm, url: %q, enableOCI: "true", insecureOCIForceHttp: "true"}
`

func (e *argoEngine) start(ctx context.Context, w *world.World) error {
	definitions := []string{"argocd/applications.yaml", "argocd/appprojects.yaml"}
	if e.delivery.Set {
		definitions = append(definitions, "argocd/applicationsets.yaml") // the largest by far
	}
	if err := w.Define(ctx, definitions...); err != nil {
		return err
	}
	tools := strings.Join([]string{filepath.Dir(w.Programs.Kustomize), filepath.Dir(w.Programs.Helm), w.Programs.ArgoTools}, ":")
	programs := argo.Programs{Argo: w.Programs.Argo, Redis: w.Programs.Redis, Tools: tools}
	var err error
	if e.argo, err = argo.Start(ctx, w.Group, programs, w.Hub(), w.Regions, w.Folder, e.delivery.Set); err != nil {
		return err
	}
	if err := e.settings(ctx, w); err != nil {
		return err
	}
	if e.delivery.Packed {
		if err := w.Hub().ApplyText(ctx, fmt.Sprintf(argoCharts, w.Packed)); err != nil {
			return err
		}
	}
	return w.Hub().ApplyText(ctx, fmt.Sprintf(argoStart, w.Repo.URL(), repo.Branch))
}

// settings applies what ringplan renders for Argo CD's own settings, as a person
// does.
func (e *argoEngine) settings(ctx context.Context, w *world.World) error {
	text, err := os.ReadFile(filepath.Join(w.Repo.Work, "rendered", "argocd", "argocd-cm.yaml"))
	if err != nil {
		return err
	}
	objects, err := cluster.Read(text)
	if err != nil {
		return err
	}
	return w.Hub().ApplyAs(ctx, "ringplan", objects...)
}

func (e *argoEngine) restart() error { return e.argo.Restart() }

// pushed has every application look for the commit.
func (e *argoEngine) pushed(ctx context.Context, w *world.World) error {
	if e.argo == nil {
		return nil
	}
	list, err := w.Hub().ListNow(ctx, argo.Application, argo.Namespace)
	if err != nil {
		return err
	}
	for _, each := range list {
		if err := annotate(ctx, w, each.GetName(), "refresh", "normal"); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// holds waits until Argo CD asks: a confirmation that comes earlier does not count.
// A set does not ask, and leaves what it must not remove.
func (e *argoEngine) holds(ctx context.Context, w *world.World, _ string) error {
	if e.delivery.Set {
		return proc.Until(ctx, soon, "the application of the datastore to go", func(ctx context.Context) error {
			_, err := w.Hub().Get(ctx, argo.Application, argo.Namespace, argoDatastore)
			switch {
			case err == nil:
				return errors.New("it is there")
			case apierrors.IsNotFound(err):
				return nil
			}
			return err
		})
	}
	asks := func(object *unstructured.Unstructured) error {
		message, _, _ := unstructured.NestedString(object.Object, "status", "operationState", "message")
		if !strings.Contains(message, "pruning confirmation") {
			return fmt.Errorf("it says %q", message)
		}
		return nil
	}
	return w.Hub().Until(ctx, soon, argo.Application, argo.Namespace, argoParent, "waiting for a confirmation", asks)
}

// confirm approves twice: that the application of the datastore goes, and, once it
// is being deleted, that what it holds does.
func (e *argoEngine) confirm(ctx context.Context, w *world.World) error {
	if e.delivery.Set {
		return remove(ctx, w, world.Second, operator.Datastore, world.Namespace, "default")
	}
	if err := approve(ctx, w, argoParent); err != nil {
		return err
	}
	deleted := func(object *unstructured.Unstructured) error {
		if object.GetDeletionTimestamp() == nil {
			return errors.New("it is not")
		}
		return nil
	}
	if err := w.Hub().Until(ctx, soon, argo.Application, argo.Namespace, argoDatastore, "deleted", deleted); err != nil {
		return err
	}
	return approve(ctx, w, argoDatastore)
}

// approve tells Argo CD that what it asks about an application may go.
func approve(ctx context.Context, w *world.World, name string) error {
	return annotate(ctx, w, name, "deletion-approved", time.Now().Add(time.Second).UTC().Format(time.RFC3339))
}

// annotate sets one of Argo CD's own annotations of an application.
func annotate(ctx context.Context, w *world.World, name, annotation, value string) error {
	resource, err := w.Hub().Resource(argo.Application, argo.Namespace)
	if err != nil {
		return err
	}
	patch := fmt.Sprintf(`{"metadata": {"annotations": {"argocd.argoproj.io/%s": %q}}}`, annotation, value)
	_, err = resource.Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

func (e *argoEngine) synced(ctx context.Context, w *world.World, commit string) error {
	return some(ctx, w.Hub(), argo.Application, argo.Namespace, func(object *unstructured.Unstructured) error {
		return argo.At(object, commit)
	})
}

// some asks of every object of a kind, of which there must be one.
func some(ctx context.Context, hub *cluster.Cluster, kind kindOf, namespace string, ask func(*unstructured.Unstructured) error) error {
	asked := false
	err := all(ctx, hub, kind, namespace, func(object *unstructured.Unstructured) error {
		asked = true
		return ask(object)
	})
	if err == nil && !asked {
		return fmt.Errorf("there is no %s", kind.Kind)
	}
	return err
}

// all asks of every object of a kind.
func all(ctx context.Context, hub *cluster.Cluster, kind kindOf, namespace string, ask func(*unstructured.Unstructured) error) error {
	objects, err := hub.ListNow(ctx, kind, namespace)
	if err != nil {
		return err
	}
	var failed error
	for i := range objects {
		if err := ask(&objects[i]); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s %s: %w", kind.Kind, objects[i].GetName(), err))
		}
	}
	return failed
}

// untilSynced waits until the engine has brought the clusters to a commit.
func untilSynced(ctx context.Context, w *world.World, e engine, commit string) error {
	const limit = 2 * time.Minute
	return proc.Until(ctx, limit, "the engine to be at "+commit[:7], func(ctx context.Context) error {
		if err := w.Group.Check(); err != nil {
			return err
		}
		return e.synced(ctx, w, commit)
	})
}
