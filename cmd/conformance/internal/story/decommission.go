package story

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ringplan/ringplan/cmd/conformance/internal/operator"
	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
	"github.com/ringplan/ringplan/cmd/conformance/internal/world"
)

// volume stands for the data of Cassandra: nobody but a person removes it.
const volume = "cassandra-data-apigee-cassandra-default-0"

// keepsakes are what is in the second region for good: a volume's claim, and a pod
// of another namespace, as every cluster has.
const keepsakes = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: ` + volume + `, namespace: apigee}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: dns, namespace: kube-system}
spec: {nodeName: nowhere, containers: [{name: dns, image: dns.invalid/none}]}
`

// hesitation is how long an engine is given to remove what it must not.
const hesitation = 5 * time.Second

// leave takes the second region out again: releases leave in order, and what holds
// data only when a person says so.
func (p *play) leave(ctx context.Context) error {
	if err := p.Regions[world.Second].ApplyText(ctx, keepsakes); err != nil {
		return err
	}
	if _, err := p.Step(ctx, world.Fine, world.Second, "--procedure", "decommission"); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{
		p.settling("The environments leave"), p.gone(operator.Kind("ApigeeEnvironment", "v1alpha2")),
		p.moving, p.settling("The organization leaves"), p.gone(operator.Organization),
		p.moving, p.dataLeaves,
		p.moving, p.settling("The components leave"), p.gone(operator.Kind("ApigeeRedis", "v1alpha1")),
		p.moving, p.settling("The operator leaves"), p.gone(deployments),
		p.moving, p.settling("The region is gone"),
		p.remains,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) moving(ctx context.Context) error { return p.move(ctx, world.Second) }

func (p *play) settling(message string) func(context.Context) error {
	return func(ctx context.Context) error { return p.settle(ctx, message) }
}

var deployments = kindOf{Group: "apps", Version: "v1", Kind: "Deployment"}

// gone waits until the second region has no object of a kind.
func (p *play) gone(kind kindOf) func(context.Context) error {
	return func(ctx context.Context) error {
		return proc.Until(ctx, soon, "the last "+kind.Kind+" to go", func(ctx context.Context) error {
			objects, err := p.Regions[world.Second].ListNow(ctx, kind, world.Namespace)
			if err != nil || len(objects) == 0 {
				return err
			}
			return fmt.Errorf("%d are there, the first is %s", len(objects), objects[0].GetName())
		})
	}
}

// dataLeaves has the datastore leave Git: the engine leaves it where it is, until a
// person says that it may go.
func (p *play) dataLeaves(ctx context.Context) error {
	commit, err := p.commit(ctx, "The datastore leaves")
	if err != nil {
		return err
	}
	if err := p.engine.holds(ctx, p.World, commit); err != nil {
		return err
	}
	if err := proc.Pause(ctx, hesitation); err != nil {
		return err
	}
	object, err := p.Regions[world.Second].Get(ctx, operator.Datastore, world.Namespace, "default")
	switch {
	case err != nil:
		return fmt.Errorf("the datastore must stay until a person says that it may go: %w", err)
	case object.GetDeletionTimestamp() != nil:
		return errors.New("the engine removes the datastore, and no person has said that it may")
	}
	p.Say("the datastore stays; a person lets it go")
	if err := p.engine.confirm(ctx, p.World); err != nil {
		return err
	}
	if err := p.Until(ctx, soon, world.Second, "datastore gone"); err != nil {
		return err
	}
	return untilSynced(ctx, p.World, p.engine, commit)
}

// remains sees that what nobody may remove is still there.
func (p *play) remains(ctx context.Context) error {
	var failed error
	for _, kept := range []struct {
		kind            kindOf
		namespace, name string
	}{
		{kindOf{Version: "v1", Kind: "Namespace"}, "", world.Namespace},
		{kindOf{Version: "v1", Kind: "PersistentVolumeClaim"}, world.Namespace, volume},
		{kindOf{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}, "", "apigeedatastores.apigee.cloud.google.com"},
	} {
		if _, err := p.Regions[world.Second].Get(ctx, kept.kind, kept.namespace, kept.name); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s %s must stay: %w", kept.kind.Kind, kept.name, err))
		}
	}
	return failed
}

// remove deletes an object as a person does, whether or not it is there.
func remove(ctx context.Context, w *world.World, region string, kind kindOf, namespace, name string) error {
	resource, err := w.Regions[region].Resource(kind, namespace)
	if err != nil {
		return err
	}
	err = resource.Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
